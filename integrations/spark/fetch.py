"""Fetches a list of links with Spark: each partition has all links of its hosts, and is piped through fetchpdf."""

import argparse
import os
import shlex
from hashlib import sha256
from urllib.parse import urlsplit

from pyspark.sql import SparkSession

COMMAND = "fetchpdf - --json -qq --fail-on run --carry-line --die-with-parent --output"

# what is wanted of the fields in docs/records.md
FIELDS = """schema int, time string, status string, url string, input string, file string, bytes long, sha256 string,
    http_status int, retryable boolean, error string"""

TOGETHER = {"export.arxiv.org": "arxiv.org", "www.arxiv.org": "arxiv.org"}  # and `[shard-with]`


def shard(host, shards):
    """The shard of a host, from 1: the function of docs/shards.md."""
    host = host.lower().removesuffix(".")
    while host in TOGETHER:
        host = TOGETHER[host]
    seed = int.from_bytes(sha256(host.encode()).digest()[:8], "big")

    def score(k):
        """The k-th number of SplitMix64."""
        x = (seed + k * 0x9E3779B97F4A7C15) % 2**64
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return x ^ x >> 31

    return max(range(1, shards + 1), key=score)


def host(line):
    """The host of the first link of a line. Lines without any are together, too."""
    try:
        return urlsplit(line.split()[0]).hostname or ""
    except (IndexError, ValueError):
        return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("links", help="a list with a link per line, wherever Spark reads text from")
    parser.add_argument("output", help="the output folder, the same one for all machines")
    parser.add_argument("records", help="the folder for the records, in NDJSON")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--state", help="for an object store: a folder on the local disk of each machine")
    args = parser.parse_args()

    spark = SparkSession.builder.appName("fetchpdf").getOrCreate()
    lines = spark.sparkContext.textFile(args.links).keyBy(host)
    partitions = lines.partitionBy(args.partitions, lambda host: shard(host, args.partitions) - 1).values()
    # executors have folders of their own
    output = args.output if "://" in args.output else os.path.abspath(args.output)
    command = f"{COMMAND} {shlex.quote(output)}"
    if args.state:
        command += f" --state {shlex.quote(os.path.abspath(args.state))}"
    elif "://" in output:
        parser.error("an output in an object store takes `--state`: a folder on the local disk of each machine")
    # without `env`, the command has no environment at all; with `checkCode`, Spark tries a task again if fetchpdf was killed
    records = partitions.pipe(command, env=dict(os.environ), checkCode=True)
    # with a schema, because Spark would fetch the list once more to guess one
    spark.read.schema(FIELDS).json(records).write.mode("overwrite").json(args.records)

    # from what was written, because Spark would fetch the list once more for the records
    spark.read.schema(FIELDS).json(args.records).groupBy("status").count().show()


if __name__ == "__main__":
    main()
