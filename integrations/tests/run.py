"""Runs the engines over a loopback site, kills a worker in the middle, and looks at what has become of the links.

    python3 integrations/tests/run.py FETCHPDF [shards|parallel|dask|spark|ray]…

Nothing may be lost, nothing may be saved twice, and no host may get more requests at once than its cap.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from counting_site import Site, document

EXAMPLES = Path(__file__).resolve().parent.parent
CAP = 2
SHARDS = 8
DEADLINE = 600
# what a killed worker was waiting for is requested again: up to 64 links of each of its processes
AGAIN = 64 * 4


def main():
    binary, *names = sys.argv[1:]
    # as in an environment that is activated
    folders = [Path(binary).resolve().parent, Path(sys.executable).parent]
    os.environ["PATH"] = ":".join([*map(str, folders), os.environ["PATH"]])
    # whatever else this machine has set up
    os.environ.update(FETCHPDF_PER_HOST=str(CAP), FETCHPDF_NO_CONFIG="1", FETCHPDF_NOPROXY="*")
    engines = {"shards": shards, "parallel": parallel, "dask": dask, "spark": spark, "ray": ray}
    for name in names or ["shards", "parallel", "dask", "spark"]:
        site = Site(hosts=200 if name == "shards" else 400, documents=50, cap=CAP, hold=0.02)
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path("links.txt").write_text("".join(f"{link}\n" for link in site.links))
            try:
                check(site, engines[name](site))
            finally:
                os.chdir("/")
                for child in psutil.Process().children(recursive=True):
                    child.kill()
        seconds = time.monotonic() - began
        print(f"{name}: {len(site.links)} links, {site.served} requests, {site.over} over the cap, {seconds:.0f} s")


def shards(site):
    """Eight processes without any engine."""
    Path("out.jobs").mkdir()

    def start(number):
        own = ["--state", f"out.jobs/{number}", "--report", f"out.jobs/{number}.jsonl", "--header", f"Shard: {number}"]
        return subprocess.Popen(["fetchpdf", "links.txt", "-o", "out", "--shard", f"{number}/{SHARDS}", "-q", *own])

    running = [start(number) for number in range(1, SHARDS + 1)]
    kill(site, running[2], lambda _: psutil.Process(running[2].pid))
    running[2].wait()
    running[2] = start(3)
    assert [process.wait(DEADLINE) for process in running] == [0] * SHARDS
    assert all(len(askers) == 1 for askers in site.askers.values()), "a host is in two shards"
    journals = [f"out.jobs/{number}" for number in range(1, SHARDS + 1)]
    subprocess.run(["fetchpdf", "merge", "-q", *journals, "-o", "out.jsonl"], check=True)

    sharded = site.served
    subprocess.run(["fetchpdf", "links.txt", "-o", "one", "--report", "one.jsonl", "-q"], check=True)
    site.served = sharded
    what = lambda pattern: {(record["url"], record["file"], record["bytes"]) for record in records(pattern)}
    assert what("out.jsonl") == what("one.jsonl"), "not what a single run does"
    return "out.jobs/*.jsonl"


def parallel(site):
    process = subprocess.Popen([EXAMPLES / "gnu-parallel/fetch.sh", "links.txt", "out", str(SHARDS)])
    kill(site, process, lambda fetching: fetching)
    assert process.wait(DEADLINE) == 0
    return "out.jsonl"


def dask(site):
    process = subprocess.Popen([sys.executable, EXAMPLES / "dask/fetch.py", "links.txt", "out", "out.jsonl"])
    kill(site, process, lambda fetching: fetching.parent())
    assert process.wait(DEADLINE) == 0
    return "out.jsonl"


def spark(site):
    submit = ["spark-submit", "--master", "local-cluster[2,1,1024]"]
    arguments = ["links.txt", "out", "records"]
    with open("log", "w") as log:
        process = subprocess.Popen([*submit, EXAMPLES / "spark/fetch.py", *arguments], stderr=log)
        is_executor = lambda process: any("CoarseGrainedExecutorBackend" in word for word in process.cmdline())
        kill(site, process, lambda fetching: next(filter(is_executor, fetching.parents())))
        code = process.wait(DEADLINE)
    assert code == 0, Path("log").read_text()[-5000:]
    return "records/*.json"


def ray(site):
    process = subprocess.Popen([sys.executable, EXAMPLES / "ray/fetch.py", "links.txt", "out", "out.jsonl"])
    kill(site, process, lambda fetching: fetching.parent())
    assert process.wait(DEADLINE) == 0
    return "out.jsonl"


def fetching():
    """The processes of fetchpdf below this one."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.is_running() and child.name() == "fetchpdf"]


def kill(site, engine, victim):
    """Kills what `victim` says of a process of fetchpdf, when a third of the links has been served."""
    until(lambda: site.served > len(site.links) / 3 or engine.poll() is not None)
    assert engine.poll() is None, f"it ended before it could be killed, with {engine.returncode}"
    victim = victim(fetching()[0])
    print(f"kill {victim.pid}: {victim.name()}", flush=True)
    victim.kill()
    assert site.served < len(site.links), "too late for a kill"


def until(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "nothing goes on"
        time.sleep(0.01)


def check(site, pattern):
    """Compares the records and the files with the list."""
    found = list(records(pattern))
    urls = [record["url"] for record in found]
    assert len(urls) == len(set(urls)), f"{len(urls) - len(set(urls))} links have several records"
    assert set(urls) == set(site.links), f"{len(set(site.links) - set(urls))} links have no record"
    kinds = {record["status"] for record in found}
    assert kinds <= {"downloaded", "resumed", "present"}, kinds
    files = {record["file"]: record["url"] for record in found}
    saved = {path.name for path in Path("out").glob("*.pdf")}
    assert set(files) == saved, f"{len(files)} files in records, {len(saved)} in the folder"
    for file, url in files.items():
        assert Path("out", file).read_bytes() == document(urlsplit(url).path), file
    assert site.over == 0, f"{site.over} requests over the cap"
    again = site.served - len(site.links)
    assert 0 <= again <= AGAIN, f"{again} links were fetched again"
    assert not fetching(), "a process was left behind"


def records(pattern):
    for path in Path().glob(pattern):
        yield from map(json.loads, path.read_text().splitlines())


if __name__ == "__main__":
    main()
