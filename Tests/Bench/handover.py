"""Writing the Terraform code of 500 distributions with their dependencies, against Terraform itself in one run.

A lab with 50 ms a call holds the account. edgeferry reads it, writes the code, reads that back and compares. The rival is
`terraform plan -generate-config-out` with an import block for each of the same things: it pastes ids in place of references,
and may end in an error, since what it generates need not be valid. What it takes as arguments is told beside it.

Usage: handover.py PATH-OF-EDGEFERRY [distributions] [--check]
Needs terraform and a mirror of hashicorp/aws for the rival (EDGEFERRY_TERRAFORM_PLUGINS, or where Terraform looks); without them
edgeferry is measured alone. CPU and peak memory are the child's own and of what it waited for (wait4). Exits 0 whatever the
figures say, unless --check is given: then 1 when a bar is missed.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

CHECK = "--check" in sys.argv
GIVEN = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
EDGEFERRY = os.path.abspath(GIVEN[0])
COUNT = int(GIVEN[1]) if len(GIVEN) > 1 else 500
ACCOUNT = "111111111111"
LATENCY = "latency:milliseconds=50"
BARS = []
IMPORTED = {
    "distributions": "distribution", "originAccessControls": "origin_access_control", "cachePolicies": "cache_policy",
    "responseHeadersPolicies": "response_headers_policy", "functions": "function", "publicKeys": "public_key",
    "keyGroups": "key_group"}


def bar(name, value, limit, unit="x"):
    BARS.append((name, value, limit, unit))


def run(command, folder, environment, codes=(0,)):
    """Wall seconds, CPU seconds and peak MB of a command, its exit code and its stdout."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as talk:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=talk)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = code = os.waitstatus_to_exitcode(status)
        out.seek(0)
        talk.seek(0)
        if code not in codes:
            sys.exit(f"{command[:3]} failed ({code}): {talk.read().decode()[-2000:]}")
        return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, code, out.read().decode()


def show(name, figures, calls):
    wall, cpu, memory = figures[:3]
    print(f"  {name:44} {wall * 1000:8.0f} ms  CPU {cpu * 1000:7.0f} ms  {memory:6.1f} MB  {calls:5} calls", flush=True)


def several(items):
    return {"Quantity": len(items), "Items": items}


def scene():
    """An account of shops that share what distributions share: access controls, policies, functions and keys."""
    account = {"id": ACCOUNT, "distributions": []}
    shared = max(1, COUNT // 10)
    arn = lambda kind, name: f"arn:aws:cloudfront::{ACCOUNT}:{kind}/{name}"
    account["originAccessControls"] = [{"id": f"EOAC{index:09d}", "config": {
        "Name": f"bucket-{index}", "Description": "", "SigningProtocol": "sigv4", "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3"}} for index in range(shared)]
    account["cachePolicies"] = [{"id": f"cache-{index}", "config": {
        "Name": f"minutes-{index}", "Comment": "", "MinTTL": index, "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": True, "EnableAcceptEncodingBrotli": True,
            "HeadersConfig": {"HeaderBehavior": "none"}, "CookiesConfig": {"CookieBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "all"}}}} for index in range(20)]
    account["responseHeadersPolicies"] = [{"id": f"headers-{index}", "config": {
        "Name": f"headers-{index}", "Comment": "",
        "SecurityHeadersConfig": {"ContentTypeOptions": {"Override": True}}}} for index in range(20)]
    account["functions"] = [{
        "id": f"rewrite-{index}", "name": f"rewrite-{index}", "stage": "LIVE", "config": {
            "Comment": "", "Runtime": "cloudfront-js-2.0"},
        "code": "ZnVuY3Rpb24gaGFuZGxlcihlKSB7IHJldHVybiBlLnJlcXVlc3QgfQ=="} for index in range(shared)]
    account["publicKeys"] = [{"id": f"K{index:013d}", "config": {
        "CallerReference": f"key-{index}", "Name": f"key-{index}",
        "EncodedKey": "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----\n"}}
        for index in range(10)]
    account["keyGroups"] = [{"id": f"group-{index}", "config": {
        "Name": f"group-{index}", "Items": [f"K{index:013d}"]}} for index in range(10)]
    for index in range(COUNT):
        behaviour = {
            "TargetOriginId": "bucket", "ViewerProtocolPolicy": "redirect-to-https", "Compress": True,
            "CachePolicyId": f"cache-{index % 20}", "ResponseHeadersPolicyId": f"headers-{index % 20}",
            "AllowedMethods": {**several(["GET", "HEAD", "OPTIONS"]), "CachedMethods": several(["GET", "HEAD"])},
            "FunctionAssociations": several([{
                "EventType": "viewer-request", "FunctionARN": arn("function", f"rewrite-{index % shared}")}])}
        members = {**behaviour, "PathPattern": "/members/*",
                   "TrustedKeyGroups": {"Enabled": True, **several([f"group-{index % 10}"])}}
        account["distributions"].append({
            "id": f"E{index:013d}", "domainName": f"d{index:013d}.cloudfront.net", "tags": {"team": "web"}, "config": {
                "CallerReference": f"bench-{index}", "Aliases": several([f"shop{index}.example.com"]),
                "Comment": f"shop {index}", "Enabled": True, "HttpVersion": "http2and3", "IsIPV6Enabled": True,
                "Origins": several([
                    {"Id": "bucket", "DomainName": f"shop-{index}.s3.eu-west-1.amazonaws.com",
                     "OriginAccessControlId": f"EOAC{index % shared:09d}",
                     "S3OriginConfig": {"OriginAccessIdentity": ""}},
                    {"Id": "api", "DomainName": f"api-{index}.example.net", "CustomOriginConfig": {
                        "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only",
                        "OriginSslProtocols": several(["TLSv1.2"])}}]),
                "DefaultCacheBehavior": behaviour, "CacheBehaviors": several([members]),
                "ViewerCertificate": {
                    "ACMCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/{index:08d}-0000-0000-0000-000000000000",
                    "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}}})
    return account


class Lab:
    """A lab with the account in it; counts what it was asked."""

    def __init__(self, folder, account):
        load, ready = os.path.join(folder, "load.json"), os.path.join(folder, "ready.json")
        json.dump({"schema": "edgeferry.inventory/1", "accounts": [account]}, open(load, "w"))
        self.process = subprocess.Popen(
            [EDGEFERRY, "lab", "serve", "--load", load, "--ready-file", ready, "--fault", LATENCY],
            stdout=subprocess.DEVNULL)
        while not os.path.exists(ready) or not open(ready).read().strip():
            if self.process.poll() is not None:
                sys.exit("the lab did not start")
            time.sleep(0.05)
        answer = json.load(open(ready))
        self.api = answer["api"]
        keys = answer["accounts"][ACCOUNT]
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
        self.environment.update(
            AWS_ACCESS_KEY_ID=keys["accessKeyId"], AWS_SECRET_ACCESS_KEY=keys["secretAccessKey"],
            AWS_ENDPOINT_URL=self.api, AWS_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true",
            AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, TF_IN_AUTOMATION="1",
            CHECKPOINT_DISABLE="1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def counted(self, command, folder, codes=(0,)):
        before = self.asked()
        figures = run(command, folder, self.environment, codes)
        return figures, self.asked() - before

    def asked(self):
        with urllib.request.urlopen(self.api + "/_lab/requests") as answer:
            return len(json.load(answer))


def mirror():
    """A filesystem mirror of the provider, as Terraform's own layout has it."""
    given = [os.environ.get("EDGEFERRY_TERRAFORM_PLUGINS", "")] + glob.glob("/opt/*") + [
        "/usr/local/share/terraform/plugins", os.path.expanduser("~/.terraform.d/plugins")]
    return next((it for it in given if it and glob.glob(f"{it}/*/hashicorp/aws")), None)


def terraform(folder, lab, account):
    """Figures of the rival, its calls and what it wrote; None without it."""
    program, place = shutil.which("terraform"), mirror()
    if not program or not place:
        print("  skipped: no terraform with a mirror of the provider hashicorp/aws")
        return None
    code = os.path.join(folder, "rival")
    os.mkdir(code)
    settings = os.path.join(folder, "terraform.rc")
    open(settings, "w").write(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{place}"\n  }}\n}}\n')
    lab.environment["TF_CLI_CONFIG_FILE"] = settings
    blocks = ['terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n']
    for kind, type in IMPORTED.items():
        for index, it in enumerate(account[kind]):
            blocks.append(f'import {{\n  to = aws_cloudfront_{type}.it_{index}\n  id = "{it["id"]}"\n}}\n')
    open(os.path.join(code, "main.tf"), "w").write("\n".join(blocks))
    run([program, "init", "-no-color"], code, lab.environment)
    figures, calls = lab.counted(
        [program, "plan", "-no-color", "-input=false", "-parallelism=64", "-generate-config-out=generated.tf"], code,
        codes=(0, 1))
    generated = os.path.join(code, "generated.tf")
    return figures, calls, open(generated).read() if os.path.exists(generated) else ""


def main():
    folder = tempfile.mkdtemp(prefix="edgeferry-handover-bench")
    account = scene()
    ids = [it["id"] for it in account["distributions"]]
    count = sum(len(account[kind]) for kind in IMPORTED)
    print(f"Terraform code for {count} things, {COUNT} distributions among them, 50 ms a call:", flush=True)
    try:
        with Lab(folder, account) as lab:
            rival = terraform(folder, lab, account)
            if rival:
                show("terraform plan -generate-config-out", rival[0], rival[1])
                ended = "ends in an error" if rival[0][3] else "ends well"
                print(f"    {ended}; {rival[2].count('resource ')} resources, {rival[2].count(chr(10))} lines")
            emit = [EDGEFERRY, "handover", "emit", *ids, "--to", "terraform", "--out", "code", "--output", "json"]
            ours, calls = lab.counted(emit, folder)
            show("edgeferry handover emit", ours, calls)
        said = json.loads(ours[4])
        texts = [open(path).read() for path in glob.glob(os.path.join(folder, "code", "*.tf"))]
        pasted = sum(text.count(f'"{it}"') for text in texts for it in ids) - COUNT
        print(f"    {len(said['resources'])} resources, {sum(text.count(chr(10)) for text in texts)} lines, "
              f"{len(said['notExpressed'])} not expressed, {pasted} ids pasted outside import blocks")
        if len(said["resources"]) != count or not said["complete"]:
            sys.exit("the code does not hold everything")
        if rival:
            bar("time to Terraform's", ours[0] / rival[0][0], 0.5)
            bar("CPU to Terraform's", ours[1] / rival[0][1], 0.25)
            bar("memory to Terraform's largest process", ours[2] / rival[0][2], 0.5)
        bar("memory", ours[2], 150, "MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    missed = 0
    for name, value, limit, unit in BARS:
        met = value <= limit
        missed += not met
        print(f"  {'met   ' if met else 'MISSED'} {name:40} {value:8.2f} {unit:2} (bar {limit:g} {unit})".rstrip())
    sys.exit(1 if CHECK and missed else 0)


main()
