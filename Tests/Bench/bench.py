"""Ratios to named rivals in one run: start-up, and the inventory of 1,000 distributions at 50 ms a call.

Usage: bench.py PATH-OF-EDGEFERRY [distributions]
Every figure is the median of several runs; CPU and peak memory are the child's own (wait4).
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

EDGEFERRY = os.path.abspath(sys.argv[1])
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
ACCOUNT = "111111111111"

BOTO3 = """
import concurrent.futures, sys, boto3, botocore.config
client = boto3.client("cloudfront", config=botocore.config.Config(max_pool_connections=16))
ids = [d["Id"] for page in client.get_paginator("list_distributions").paginate()
       for d in page["DistributionList"].get("Items", [])]
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    configs = list(pool.map(lambda i: client.get_distribution(Id=i), ids))
assert len(configs) == %d
"""


def run(command, environment=None, runs=3):
    """Median wall seconds, CPU seconds and peak MB of a command."""
    rows = []
    for _ in range(runs):
        start = time.perf_counter()
        child = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        talk = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        if status != 0:
            sys.exit(f"{command[:3]} failed ({status}): {talk.decode()[-2000:]}")
        rows.append((wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return [statistics.median(column) for column in zip(*rows)]


def show(name, figures, rival=None):
    wall, cpu, memory = figures
    ratio = f"  {wall / rival[0]:5.2f} x its time, {cpu / max(rival[1], 1e-6):5.2f} x its CPU" if rival else ""
    print(f"  {name:34} {wall * 1000:8.0f} ms  CPU {cpu * 1000:7.0f} ms  {memory:6.1f} MB{ratio}", flush=True)


def inventory():
    distributions = []
    for index in range(COUNT):
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


def main():
    folder = tempfile.mkdtemp(prefix="edgeferry-bench")
    lab = None
    try:
        print("start-up (--version):")
        rival = None
        if shutil.which("aws"):
            rival = run(["aws", "--version"], runs=5)
            show("aws", rival)
        show("edgeferry", run([EDGEFERRY, "--version"], runs=15), rival)

        load = os.path.join(folder, "inventory.json")
        json.dump(inventory(), open(load, "w"))
        ready = os.path.join(folder, "ready.json")
        lab = subprocess.Popen(
            [EDGEFERRY, "lab", "serve", "--api", "127.0.0.1:0", "--accounts", ACCOUNT, "--load", load,
             "--ready-file", ready, "--fault", "latency:milliseconds=50"],
            stdout=subprocess.DEVNULL,
        )
        while not os.path.exists(ready):
            if lab.poll() is not None:
                sys.exit("the lab did not start")
            time.sleep(0.05)
        answer = json.load(open(ready))
        keys = answer["accounts"][ACCOUNT]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        environment.update(
            AWS_ACCESS_KEY_ID=keys["accessKeyId"],
            AWS_SECRET_ACCESS_KEY=keys["secretAccessKey"],
            AWS_REGION="us-east-1",
            AWS_DEFAULT_REGION="us-east-1",
            AWS_ENDPOINT_URL=answer["api"],
        )
        urls = os.path.join(folder, "urls")
        with open(urls, "w") as file:
            for index in range(COUNT):
                file.write(f'url = "{answer["api"]}/2020-05-31/distribution/E{index:013d}"\noutput = "/dev/null"\n')
        curl = [
            "curl", "-sS", "-Z", "--fail", "--aws-sigv4", "aws:amz:us-east-1:cloudfront",
            "--user", f'{keys["accessKeyId"]}:{keys["secretAccessKey"]}', "-K", urls, "--parallel-max",
        ]
        out = os.path.join(folder, "out.json")
        print(f"inventory of {COUNT} distributions, 50 ms a call:")
        for flight in (16, 64):
            rival = run(curl + [str(flight)])
            show(f"curl -Z, {flight} in flight", rival)
            ours = run(
                [EDGEFERRY, "inventory", "take", "--no-tags", "--concurrency", str(flight), "--out", out, "--workspace", folder],
                environment,
            )
            show(f"edgeferry, {flight} in flight", ours, rival)
        read = json.load(open(out))
        assert read["complete"] and len(read["accounts"][0]["distributions"]) == COUNT
        rival = run([sys.executable, "-c", BOTO3 % COUNT], environment, runs=1)
        show("boto3, 16 threads", rival)
        show("edgeferry, 64 in flight", ours, rival)
    finally:
        if lab:
            lab.terminate()
            lab.wait()
        shutil.rmtree(folder, ignore_errors=True)


main()
