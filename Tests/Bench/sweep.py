"""A sweep of 50 accounts with 100 distributions each at 50 ms a call, first and second, against named rivals in one run.

The second sweep reads only what changed. Rivals: a boto3 script with 8 accounts at once and 16 threads in each, which reads the same;
Cloud Custodian (where it is installed), one account after the other as its policies run, on a tenth of the accounts.

Usage: sweep.py PATH-OF-EDGEFERRY [accounts] [--check]
Calls are counted by the lab. CPU and peak memory are the child's own (wait4). Exits 0 whatever the figures say, unless --check is given:
then 1 when a bar is missed.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

CHECK = "--check" in sys.argv
GIVEN = [argument for argument in sys.argv[1:] if argument != "--check"]
EDGEFERRY = os.path.abspath(GIVEN[0])
ACCOUNTS = int(GIVEN[1]) if len(GIVEN) > 1 else 50
DISTRIBUTIONS = 100
# Of the 100: policies that nobody uses, each with its staging distribution.
ORPHANS = 2
BARS = []

BOTO3 = """
import concurrent.futures, sys, boto3, botocore.config
def one(profile):
    client = boto3.Session(profile_name=profile).client(
        "cloudfront", config=botocore.config.Config(max_pool_connections=16))
    ids = [d["Id"] for page in client.get_paginator("list_distributions").paginate()
           for d in page["DistributionList"].get("Items", [])]
    policies = client.list_continuous_deployment_policies()["ContinuousDeploymentPolicyList"].get("Items", [])
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        configs = list(pool.map(lambda i: client.get_distribution(Id=i)["Distribution"], ids))
        full = list(pool.map(lambda p: client.get_continuous_deployment_policy(
            Id=p["ContinuousDeploymentPolicy"]["Id"]), policies))
        staging = [c for c in configs if c["DistributionConfig"].get("Staging")]
        list(pool.map(lambda c: client.list_tags_for_resource(Resource=c["ARN"]), staging))
    used = {c["DistributionConfig"].get("ContinuousDeploymentPolicyId") for c in configs}
    return sum(p["ContinuousDeploymentPolicy"]["Id"] not in used for p in full)
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(one, sys.argv[1:])))
"""


def run(command, folder, environment, codes=(0,)):
    """Wall seconds, CPU seconds and peak MB of a command, and its stdout."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as talk:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=talk)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        out.seek(0)
        talk.seek(0)
        said = out.read().decode()
        if os.waitstatus_to_exitcode(status) not in codes:
            sys.exit(f"{command[:3]} failed ({status}): {talk.read().decode()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said


def show(name, figures, calls):
    wall, cpu, memory = figures[:3]
    print(f"  {name:40} {wall * 1000:8.0f} ms  CPU {cpu * 1000:7.0f} ms  {memory:6.1f} MB  {calls:6} calls", flush=True)


def distribution(name, staging=False):
    return {"id": name, "domainName": f"{name.lower()}.cloudfront.net", "config": {
        "CallerReference": name, "Comment": "bench", "Enabled": True, "Staging": staging, "HttpVersion": "http2",
        "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "o.example.net", "CustomOriginConfig": {
            "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only",
            "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]}}}]},
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "redirect-to-https",
                                 "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}}}


def account(index):
    plain = [distribution(f"E{index:04d}{n:09d}") for n in range(DISTRIBUTIONS - ORPHANS)]
    staging = [distribution(f"S{index:04d}{n:09d}", True) for n in range(ORPHANS)]
    policies = [{"id": f"policy-{index}-{n}", "config": {
        "Enabled": True, "StagingDistributionDnsNames": {"Quantity": 1, "Items": [staging[n]["domainName"]]},
        "TrafficConfig": {"Type": "SingleWeight", "SingleWeightConfig": {"Weight": 0.05}}}} for n in range(ORPHANS)]
    return {"id": str(100_000_000_000 + index), "distributions": plain + staging, "continuousDeploymentPolicies": policies}


class Lab:
    """A lab of so many accounts, a profile for each, and the calls that it has answered."""

    def __init__(self, folder):
        self.ids = [str(100_000_000_000 + index) for index in range(ACCOUNTS)]
        load, ready = os.path.join(folder, "inventory.json"), os.path.join(folder, "ready.json")
        json.dump({"schema": "edgeferry.inventory/1", "accounts": [account(i) for i in range(ACCOUNTS)]}, open(load, "w"))
        self.process = subprocess.Popen(
            [EDGEFERRY, "lab", "serve", "--api", "127.0.0.1:0", "--accounts", ",".join(self.ids), "--load", load,
             "--ready-file", ready, "--fault", "latency:milliseconds=50"], stdout=subprocess.DEVNULL)
        while not os.path.exists(ready) or not open(ready).read().strip():
            if self.process.poll() is not None:
                sys.exit("the lab did not start")
            time.sleep(0.05)
        answer = json.load(open(ready))
        self.api = answer["api"]
        with open(os.path.join(folder, "aws.config"), "w") as file:
            for one in self.ids:
                keys = answer["accounts"][one]
                file.write(f"[profile p{one}]\naws_access_key_id={keys['accessKeyId']}\n"
                           f"aws_secret_access_key={keys['secretAccessKey']}\nregion=us-east-1\n")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.environment.update(AWS_CONFIG_FILE=os.path.join(folder, "aws.config"), AWS_SHARED_CREDENTIALS_FILE="/dev/null",
                                AWS_ENDPOINT_URL=self.api, AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1")
        with open(os.path.join(folder, "edgeferry.yaml"), "w") as file:
            file.write("version: 1\naccounts:\n" + "".join(f"  a{one}: {{ profile: p{one} }}\n" for one in self.ids))
        self.seen = 0

    def calls(self):
        """Those since it was last asked."""
        total = len(json.load(urllib.request.urlopen(self.api + "/_lab/requests")))
        out, self.seen = total - self.seen, total
        return out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def custodian(folder, lab):
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".build-bench", "bin", "custodian")
    program = shutil.which("custodian") or (beside if os.path.exists(beside) else None)
    if not program:
        print("  Cloud Custodian is not installed")
        return
    policy = os.path.join(folder, "policy.yml")
    open(policy, "w").write("policies:\n- name: distributions\n  resource: aws.distribution\n")
    wall = cpu = memory = 0
    part = lab.ids[: max(1, len(lab.ids) // 10)]
    for one in part:
        figures = run([program, "run", "-s", os.path.join(folder, "out"), "--region", "us-east-1", "--cache-period", "0",
                       "--profile", f"p{one}", policy], folder, lab.environment)
        wall, cpu, memory = wall + figures[0], cpu + figures[1], max(memory, figures[2])
    show(f"Cloud Custodian, {len(part)} accounts, configs unread", (wall, cpu, memory), lab.calls())


def main():
    with tempfile.TemporaryDirectory() as folder, Lab(folder) as lab:
        print(f"{ACCOUNTS} accounts x {DISTRIBUTIONS} distributions at 50 ms a call")
        command = [EDGEFERRY, "sweep", "run", "--output", "json", "--quiet"]
        lab.calls()
        first = run(command, folder, lab.environment)
        found = json.loads(first[3])
        assert sum(f["verdict"] == "orphan" for f in found["findings"]) >= ACCOUNTS * ORPHANS
        calls = lab.calls()
        show("edgeferry sweep run, first", first, calls)
        # A list, a policy list, stacks and who am I; each config, policy and the tags of each staging distribution.
        fixed = 4 + 2 * ORPHANS
        BARS.append(("calls of the first against the least", calls / (ACCOUNTS * (fixed + DISTRIBUTIONS)), 1.05))
        second = run(command, folder, lab.environment)
        again = lab.calls()
        show("edgeferry sweep run, second", second, again)
        BARS.append(("calls of the second against the least", again / (ACCOUNTS * fixed), 1.05))
        rival = run([sys.executable, "-c", BOTO3] + [f"p{one}" for one in lab.ids], folder, lab.environment)
        assert int(rival[3]) == ACCOUNTS * ORPHANS
        show("boto3, 8 accounts x 16 threads", rival, lab.calls())
        BARS.append(("time of the first against boto3", first[0] / rival[0], 1.0))
        BARS.append(("time of the second against boto3", second[0] / rival[0], 0.25))
        BARS.append(("peak memory of the first against boto3", first[2] / rival[2], 0.5))
        custodian(folder, lab)
    missed = 0
    for name, value, limit in BARS:
        isMet = value <= limit
        missed += not isMet
        print(f"  {'met   ' if isMet else 'MISSED'}  {name}: {value:.2f} (bar {limit:g})")
    if CHECK and missed:
        sys.exit(1)


main()
