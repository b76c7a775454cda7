"""Fetches a list of links with Ray: a task per shard, which Ray starts again if its worker dies."""

import argparse
import os
import subprocess

import ray

COMMAND = "fetchpdf --json -qq --fail-on run --carry-line --die-with-parent".split()


@ray.remote(num_cpus=0.5, max_retries=3)
def fetch(shard, links, output, state):
    """The records of one shard, a line each. A task that is tried again continues from its state."""
    number = shard.split("/")[0]
    options = ["--output", output, "--state", f"{state}/{number}", "--shard", shard]
    return subprocess.run([*COMMAND, links, *options], stdout=subprocess.PIPE, check=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("links", help="the list, under this path on all machines")
    parser.add_argument("output", help="the output folder")
    parser.add_argument("records", help="where the records of all links go, in NDJSON")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--state", help="folder for the states of shards [default: OUTPUT.state]")
    args = parser.parse_args()
    # workers have folders of their own
    output = args.output if "://" in args.output else os.path.abspath(args.output)
    if "://" in output and not args.state:
        parser.error("an output in an object store takes `--state`: a folder on the local disk of each machine")
    links, state = os.path.abspath(args.links), os.path.abspath(args.state or f"{output}.state")

    ray.init()
    tasks = [fetch.remote(f"{number}/{args.shards}", links, output, state) for number in range(1, args.shards + 1)]
    with open(args.records, "wb") as file:
        while tasks:
            ended, tasks = ray.wait(tasks)
            file.write(ray.get(ended[0]))


if __name__ == "__main__":
    main()
