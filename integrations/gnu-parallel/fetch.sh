#!/bin/sh
# Fetches a list of links with GNU Parallel, a job per shard: fetch.sh LINKS OUTPUT [SHARDS]
#
# A job that is killed is tried again. The same command again continues with what is missing. States and records are in
# OUTPUT.jobs. For several machines, add `--sshlogin`, and name folders that all of them share.
set -eu
links=$1 output=$2 shards=${3:-8}
mkdir -p "$output.jobs"

seq "$shards" | parallel --quote --jobs 4 --retries 3 \
    fetchpdf "$links" --output "$output" --state "$output.jobs/state-{}" --shard "{}/$shards" \
    --report "$output.jobs/{}.jsonl" -qq --fail-on run --carry-line --die-with-parent

# the exit code is 1 if not all links have a file
fetchpdf merge "$output.jobs"/*.jsonl --output "$output.jsonl"
