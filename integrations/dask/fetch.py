"""Fetches a list of links with Dask: a task per shard, which Dask gives to another worker if its own one dies."""

import argparse
import os
import subprocess

from dask.distributed import Client, as_completed

COMMAND = "fetchpdf --json -qq --fail-on run --carry-line --die-with-parent".split()


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
    parser.add_argument("--scheduler", help="address of a cluster [default: one on this machine]")
    args = parser.parse_args()
    # workers have folders of their own
    output = args.output if "://" in args.output else os.path.abspath(args.output)
    if "://" in output and not args.state:
        parser.error("an output in an object store takes `--state`: a folder on the local disk of each machine")
    links, state = os.path.abspath(args.links), os.path.abspath(args.state or f"{output}.state")

    # a shard mostly waits for servers, so that there may be more of them than cores
    with Client(args.scheduler) if args.scheduler else Client(n_workers=2, threads_per_worker=2) as client:
        shards = [f"{number}/{args.shards}" for number in range(1, args.shards + 1)]
        tasks = client.map(fetch, shards, links=links, output=output, state=state, pure=False)
        with open(args.records, "wb") as file:
            for _, records in as_completed(tasks, with_results=True):
                file.write(records)


if __name__ == "__main__":
    main()
