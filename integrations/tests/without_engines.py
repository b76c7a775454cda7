"""What can be tested of the examples without their engines."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from counting_site import Site

EXAMPLES = Path(__file__).resolve().parent.parent


def main():
    the_partitioner_is_the_documented_function()
    # whatever else this machine has set up
    os.environ.update(FETCHPDF_NO_CONFIG="1", FETCHPDF_NOPROXY="*")
    site = Site(hosts=40, documents=2, cap=8, hold=0)
    for tasks in [slurm, kubernetes]:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path("links.txt").write_text("".join(f"{link}\n" for link in site.links))
            # the second time, nothing is left to do
            tasks()
            tasks()
            assert len(list(Path("papers").rglob("*.pdf"))) == len(site.links), tasks
            os.chdir("/")
    assert site.served == 2 * len(site.links), site.served


def the_partitioner_is_the_documented_function():
    page = (EXAMPLES.parent / "docs/shards.md").read_text()
    documented = page.split("```python\n")[1].split("```")[0]
    documented = documented[documented.index("def shard") :].split('"""')[2:]
    example = (EXAMPLES / "spark/fetch.py").read_text()
    example = example[example.index("def shard") : example.index("def host")].split('"""')[2:]
    assert [part.strip() for part in documented] == [part.strip() for part in example]


def slurm():
    for number in range(1, 9):
        command = ["bash", EXAMPLES / "slurm/fetch.sbatch", "links.txt", "papers"]
        subprocess.run(command, env={**os.environ, "SLURM_ARRAY_TASK_ID": str(number)}, check=True)
    subprocess.run(["fetchpdf", "merge", "-q", *Path("papers.jobs").glob("*.jsonl"), "-o", "records.jsonl"], check=True)


def kubernetes():
    subprocess.run([sys.executable, EXAMPLES / "kubernetes/local.py", "links.txt", "papers"], check=True)


if __name__ == "__main__":
    main()
