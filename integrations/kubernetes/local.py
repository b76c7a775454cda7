"""Runs the pods of job.yaml on this machine, one after the other and without a cluster: for a look at what they do."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

links, output = map(os.path.abspath, sys.argv[1:])
job = yaml.safe_load(Path(__file__).with_name("job.yaml").read_text())["spec"]
[container] = job["template"]["spec"]["containers"]
environment = {variable["name"]: variable["value"] for variable in container["env"]}

for index in range(job["completions"]):
    local = {"LINKS": links, "OUTPUT": output, "STATE": f"{output}.state/{index}", "JOB_COMPLETION_INDEX": str(index)}
    subprocess.run(container["command"] + container["args"], env={**os.environ, **environment, **local}, check=True)
