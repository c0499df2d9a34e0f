"""Ratios to named rivals in one run, each against its bar.

Start-up; the inventory of 1,000 distributions at 50 ms a call; the same against a throttling endpoint; growth
from 100 to 10,000 distributions.

Usage: bench.py PATH-OF-EDGEFERRY [distributions] [--check]
Figures are medians of several runs; CPU and peak memory are the child's own (wait4). Exits 0 whatever the
figures say, unless --check is given: then 1 when a bar is missed.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

CHECK = "--check" in sys.argv
GIVEN = [argument for argument in sys.argv[1:] if argument != "--check"]
EDGEFERRY = os.path.abspath(GIVEN[0])
COUNT = int(GIVEN[1]) if len(GIVEN) > 1 else 1000
ACCOUNT = "111111111111"
BARS = []

BOTO3 = """
import concurrent.futures, sys, boto3, botocore.config
retries = {"mode": sys.argv[2]} if len(sys.argv) > 2 else {}
client = boto3.client("cloudfront", config=botocore.config.Config(max_pool_connections=16, retries=retries))
failed = 0
ids = []
try:
    ids = [d["Id"] for page in client.get_paginator("list_distributions").paginate()
           for d in page["DistributionList"].get("Items", [])]
except Exception:
    failed += 1
def get(i):
    try:
        return client.get_distribution(Id=i)
    except Exception:
        return None
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    failed += list(pool.map(get, ids)).count(None)
print(failed + int(sys.argv[1]) - len(ids))
"""


def bar(name, value, limit, unit="x"):
    BARS.append((name, value, limit, unit))


def run(command, environment=None, runs=3):
    """Median wall seconds, CPU seconds and peak MB of a command, and the last run's stdout."""
    rows = []
    for _ in range(runs):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as talk:
            start = time.perf_counter()
            child = subprocess.Popen(command, env=environment, stdout=out, stderr=talk)
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - start
            out.seek(0)
            talk.seek(0)
            said = out.read().decode()
            if status != 0:
                sys.exit(f"{command[:3]} failed ({status}): {talk.read().decode()[-2000:]}")
        rows.append((wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return [statistics.median(column) for column in zip(*rows)] + [said]


def show(name, figures, rival=None):
    wall, cpu, memory = figures[:3]
    ratio = f"  {wall / rival[0]:5.2f} x its time, {cpu / max(rival[1], 1e-6):5.2f} x its CPU" if rival else ""
    print(f"  {name:34} {wall * 1000:8.0f} ms  CPU {cpu * 1000:7.0f} ms  {memory:6.1f} MB{ratio}", flush=True)


def inventory(count):
    distributions = []
    for index in range(count):
        origin = f"bucket-{index}.s3.eu-west-1.amazonaws.com"
        distributions.append(
            {
                "id": f"E{index:013d}",
                "config": {
                    "CallerReference": f"bench-{index}",
                    "Aliases": {"Quantity": 1, "Items": [f"w{index}.example.com"]},
                    "Origins": {
                        "Quantity": 1,
                        "Items": [
                            {"Id": "o", "DomainName": origin, "S3OriginConfig": {"OriginAccessIdentity": ""}}
                        ],
                    },
                    "DefaultCacheBehavior": {
                        "TargetOriginId": "o",
                        "ViewerProtocolPolicy": "redirect-to-https",
                        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
                    },
                    "Comment": "bench",
                    "Enabled": True,
                },
            }
        )
    return {
        "schema": "edgeferry.inventory/1",
        "takenAt": "2026-01-01T00:00:00Z",
        "complete": True,
        "gaps": [],
        "accounts": [{"id": ACCOUNT, "distributions": distributions, "continuousDeploymentPolicies": []}],
    }


class Lab:
    """A lab of so many distributions with faults, and the ways to read it."""

    def __init__(self, folder, count, *faults):
        self.folder, self.count = folder, count
        load = os.path.join(folder, f"inventory-{count}.json")
        if not os.path.exists(load):
            json.dump(inventory(count), open(load, "w"))
        ready = tempfile.mktemp(dir=folder)
        options = [word for fault in faults for word in ("--fault", fault)]
        self.process = subprocess.Popen(
            [EDGEFERRY, "lab", "serve", "--api", "127.0.0.1:0", "--accounts", ACCOUNT, "--load", load,
             "--ready-file", ready] + options, stdout=subprocess.DEVNULL)
        while not os.path.exists(ready) or not open(ready).read().strip():
            if self.process.poll() is not None:
                sys.exit("the lab did not start")
            time.sleep(0.05)
        answer = json.load(open(ready))
        keys = answer["accounts"][ACCOUNT]
        self.api, self.user = answer["api"], f'{keys["accessKeyId"]}:{keys["secretAccessKey"]}'
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.environment.update(
            AWS_ACCESS_KEY_ID=keys["accessKeyId"], AWS_SECRET_ACCESS_KEY=keys["secretAccessKey"],
            AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1", AWS_ENDPOINT_URL=self.api)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def edgeferry(self, flight, runs=3):
        out = os.path.join(self.folder, "out.json")
        figures = run([EDGEFERRY, "inventory", "take", "--no-tags", "--concurrency", str(flight), "--out", out,
                       "--workspace", self.folder], self.environment, runs)
        read = json.load(open(out))
        missing = self.count - len(read["accounts"][0]["distributions"]) + len(read["gaps"])
        return figures[:3] + [missing]

    def boto3(self, *mode):
        figures = run([sys.executable, "-c", BOTO3, str(self.count), *mode], self.environment, runs=1)
        return figures[:3] + [int(figures[3])]

    def curl(self, flight):
        urls = os.path.join(self.folder, "urls")
        with open(urls, "w") as file:
            for index in range(self.count):
                file.write(f'url = "{self.api}/2020-05-31/distribution/E{index:013d}"\noutput = "/dev/null"\n')
        return run(["curl", "-sS", "-Z", "--fail", "--aws-sigv4", "aws:amz:us-east-1:cloudfront", "--user",
                    self.user, "-K", urls, "--parallel-max", str(flight)])


def startup():
    print("start-up (--version):")
    rival = None
    if shutil.which("aws"):
        rival = run(["aws", "--version"])
        show("aws", rival)
    ours = run([EDGEFERRY, "--version"], runs=15)
    show("edgeferry", ours, rival)
    bar("start-up", ours[0] * 1000, 20, "ms")


def latency(folder):
    print(f"inventory of {COUNT} distributions, 50 ms a call:")
    with Lab(folder, COUNT, "latency:milliseconds=50") as lab:
        for flight, limit in ((16, 1.1), (64, 1.3)):
            rival = lab.curl(flight)
            show(f"curl -Z, {flight} in flight", rival)
            ours = lab.edgeferry(flight)
            show(f"edgeferry, {flight} in flight", ours, rival)
            bar(f"time to curl's at {flight} in flight", ours[0] / rival[0], limit)
            assert ours[3] == 0
        rival = lab.boto3()
        show("boto3, 16 threads", rival)
        show("edgeferry, 64 in flight", ours, rival)
        bar("CPU to boto3's", ours[1] / rival[1], 0.1)
        bar("memory", ours[2], 40, "MB")


def throttling(folder):
    count = max(100, COUNT // 2)
    for rate in (50, 200):
        allowed = count / rate
        print(f"inventory of {count} distributions, {rate} calls a second allowed ({allowed:.1f} s):")
        rows = []
        for name, read in (
            ("boto3, its default", lambda lab: lab.boto3()),
            ("boto3, adaptive", lambda lab: lab.boto3("adaptive")),
            ("edgeferry", lambda lab: lab.edgeferry(64, runs=1)),
        ):
            with Lab(folder, count, f"throttle:rate={rate}", "latency:milliseconds=5") as lab:
                figures = read(lab)
            rows.append(figures)
            print(f"  {name:34} {figures[0]:8.2f} s  {figures[0] / allowed:5.2f} x the allowed rate's time,"
                  f" {figures[3]} not read", flush=True)
        bar(f"time at {rate} a second to the allowed", rows[-1][0] / allowed, 1.1)
        bar(f"not read at {rate} a second", rows[-1][3], 0, "")


def growth(folder):
    print("growth, no latency:")
    rows = []
    for count in (100, 1000, 10000):
        with Lab(folder, count) as lab:
            wall, cpu, memory, missing = lab.edgeferry(64, runs=3 if count < 10000 else 1)
        rows.append((cpu / count, memory))
        print(f"  {count:6} distributions {wall * 1000:8.0f} ms  CPU {cpu * 1e6 / count:6.0f} us each  {memory:6.1f} MB",
              flush=True)
        assert missing == 0
    bar("memory at 10,000 to that at 100", rows[2][1] / rows[0][1], 1.5)
    bar("CPU of each at 10,000 to that at 1,000", rows[2][0] / rows[1][0], 1.2)


def main():
    folder = tempfile.mkdtemp(prefix="edgeferry-bench")
    try:
        startup()
        latency(folder)
        throttling(folder)
        growth(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("bars:")
    missed = 0
    for name, value, limit, unit in BARS:
        met = value <= limit
        missed += not met
        print(f"  {'met   ' if met else 'MISSED'} {name:40} {value:8.2f} {unit:2} (bar {limit:g} {unit})".rstrip())
    sys.exit(1 if CHECK and missed else 0)


main()
