#!/bin/sh
# Fetches a list of links with GNU Parallel, a job per shard: fetch.sh LINKS OUTPUT [SHARDS [JOBS]]
#
# A job that is killed is tried again. The same command again continues with what is missing. States and records are in
# the folder JOBS, which is OUTPUT.jobs unless the output is an object store. For several machines, add `--sshlogin`, and name folders that all of them share.
set -eu
links=$1 output=$2 shards=${3:-8} jobs=${4:-$2.jobs}
case $jobs in *://*) echo 'name a local folder for states and records' >&2; exit 2 ;; esac
mkdir -p "$jobs"

seq "$shards" | parallel --quote --jobs 4 --retries 3 \
    fetchpdf "$links" --output "$output" --state "$jobs/state-{}" --shard "{}/$shards" \
    --report "$jobs/{}.jsonl" -qq --fail-on run --carry-line --die-with-parent

# the exit code is 1 if not all links have a file
fetchpdf merge "$jobs"/*.jsonl --output "${jobs%.jobs}.jsonl"
