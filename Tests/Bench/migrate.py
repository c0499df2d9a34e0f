"""Planning and verifying the move of 200 distributions with 500 dependencies, against a named rival in one run.

A lab with 50 ms a call holds both accounts and DNS. edgeferry plans the move of all of them; then the copies, as a run
of the same plan made them in a lab without latency, are compared with their sources. The rival, boto3 with 16 threads,
reads the same closure and does nothing with it. The calls that the lab answered are counted against the least that the
job needs: one read for each thing and the pages of each list.

Usage: migrate.py PATH-OF-EDGEFERRY [distributions] [--check] [--calls]
CPU and peak memory are the child's own (wait4). Exits 0 whatever the figures say, unless --check is given: then 1 when
a bar is missed. --calls lists them by operation.
"""
import collections
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

CHECK = "--check" in sys.argv
GIVEN = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
EDGEFERRY = os.path.abspath(GIVEN[0])
COUNT = int(GIVEN[1]) if len(GIVEN) > 1 else 200
SOURCE, TARGET = "111111111111", "222222222222"
LATENCY = "latency:milliseconds=50"
BARS = []

BOTO3 = """
import concurrent.futures, json, sys, boto3, botocore.config
settings = botocore.config.Config(max_pool_connections=16)
front, certs = (boto3.client(name, config=settings) for name in ("cloudfront", "acm"))
things = json.load(open(sys.argv[1]))
def get(call, **words):
    try:
        return getattr(front, call)(**words)
    except front.exceptions.NoSuchMonitoringSubscription:
        return None
def distribution(it):
    arn = get("get_distribution", Id=it)["Distribution"]["ARN"]
    get("list_tags_for_resource", Resource=arn)
    get("get_monitoring_subscription", DistributionId=it)
def function(it):
    arn = get("describe_function", Name=it, Stage="LIVE")["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    get("get_function", Name=it, Stage="LIVE")["FunctionCode"].read()
    get("list_tags_for_resource", Resource=arn)
by_kind = {
    "distributions": distribution, "functions": function,
    "keyValueStores": lambda it: get("describe_key_value_store", Name=it),
    "certificates": lambda it: certs.describe_certificate(CertificateArn=it),
    "conflicts": lambda it: get("list_conflicting_aliases", DistributionId=it[0], Alias=it[1]),
}
for kind, call in (
    ("originAccessControls", "get_origin_access_control"), ("cachePolicies", "get_cache_policy"),
    ("originAccessIdentities", "get_cloud_front_origin_access_identity"),
    ("originRequestPolicies", "get_origin_request_policy"),
    ("responseHeadersPolicies", "get_response_headers_policy"), ("publicKeys", "get_public_key"),
    ("keyGroups", "get_key_group"), ("fieldLevelEncryptionProfiles", "get_field_level_encryption_profile"),
    ("fieldLevelEncryptionConfigs", "get_field_level_encryption")):
    by_kind[kind] = lambda it, call=call: get(call, Id=it)
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    for done in [pool.submit(by_kind[kind], it) for kind in things for it in things[kind]]:
        done.result()
"""


def bar(name, value, limit, unit="x"):
    BARS.append((name, value, limit, unit))


def run(command, folder, environment, runs=1, codes=(0,)):
    """Median wall seconds, CPU seconds and peak MB of a command, and the last run's stdout."""
    rows = []
    for _ in range(runs):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as talk:
            start = time.perf_counter()
            child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=talk)
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - start
            out.seek(0)
            talk.seek(0)
            said = out.read().decode()
            if os.waitstatus_to_exitcode(status) not in codes:
                sys.exit(f"{command[:4]} failed ({status}): {talk.read().decode()[-3000:]}")
        rows.append((wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return [statistics.median(column) for column in zip(*rows)] + [said]


def show(name, figures, calls):
    wall, cpu, memory = figures[:3]
    print(f"  {name:34} {wall * 1000:8.0f} ms  CPU {cpu * 1000:7.0f} ms  {memory:6.1f} MB  {calls:5} calls", flush=True)


def several(items):
    return {"Quantity": len(items), "Items": items}


def scene():
    """The two accounts: within AWS's default quotas, so that the lab takes the copies, too."""
    fleet = range(COUNT)
    counts = {"functions": 100, "stores": 30, "policies": 20, "keys": 10, "certificates": 70, "origins": 100}
    for name in counts:
        counts[name] = max(1, min(counts[name], counts[name] * COUNT // 200))
    arn = lambda kind, name, account=SOURCE: f"arn:aws:cloudfront::{account}:{kind}/{name}"
    certificate = lambda index, account: f"arn:aws:acm:us-east-1:{account}:certificate/{index:08d}-0000-0000-0000-000000000000"
    store = lambda index: arn("key-value-store", f"{index:08d}-1111-1111-1111-111111111111")
    source = collections.defaultdict(list, id=SOURCE)
    target = collections.defaultdict(list, id=TARGET)

    def put(kind, id, config, **more):
        source[kind].append({"id": id, "config": config, **more})

    for account, number in ((source, SOURCE), (target, TARGET)):
        for index in range(counts["certificates"]):
            account["certificates"].append({"id": certificate(index, number), "config": {
                "DomainName": f"z{index}.example.com", "Status": "ISSUED",
                "SubjectAlternativeNames": [f"z{index}.example.com", f"*.z{index}.example.com"]}})
    for index in range(counts["origins"]):
        put("originAccessControls", f"EOAC{index:09d}", {
            "Name": f"oac-{index}", "SigningProtocol": "sigv4", "SigningBehavior": "always",
            "OriginAccessControlOriginType": "mediastore"})
        put("originAccessIdentities", f"EOAI{index:09d}", {"CallerReference": f"oai-{index}", "Comment": ""})
    for index in range(counts["policies"]):
        put("cachePolicies", f"cache-{index}", {"Name": f"cache-{index}", "MinTTL": index})
        put("originRequestPolicies", f"request-{index}", {
            "Name": f"request-{index}", "HeadersConfig": {"HeaderBehavior": "none"},
            "CookiesConfig": {"CookieBehavior": "none"}, "QueryStringsConfig": {"QueryStringBehavior": "all"}})
        put("responseHeadersPolicies", f"response-{index}", {"Name": f"response-{index}", "Comment": ""})
    for index in range(counts["keys"]):
        put("publicKeys", f"K{index:013d}", {
            "CallerReference": f"key-{index}", "Name": f"key-{index}",
            "EncodedKey": "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----\n"})
        put("keyGroups", f"group-{index}", {"Name": f"group-{index}", "Items": [f"K{index:013d}"]})
        put("fieldLevelEncryptionProfiles", f"P{index:013d}", {
            "Name": f"profile-{index}", "CallerReference": f"profile-{index}", "EncryptionEntities": several([{
                "PublicKeyId": f"K{index:013d}", "ProviderId": "p", "FieldPatterns": several(["card"])}])})
        put("fieldLevelEncryptionConfigs", f"C{index:013d}", {
            "CallerReference": f"fle-{index}", "Comment": "",
            "QueryArgProfileConfig": {"ForwardWhenQueryArgProfileIsUnknown": True, "QueryArgProfiles": {"Quantity": 0}},
            "ContentTypeProfileConfig": {"ForwardWhenContentTypeIsUnknown": True, "ContentTypeProfiles": several([{
                "Format": "URLEncoded", "ProfileId": f"P{index:013d}",
                "ContentType": "application/x-www-form-urlencoded"}])}})
    for index in range(counts["stores"]):
        put("keyValueStores", f"store-{index}", {"Name": f"store-{index}", "Comment": ""}, name=f"store-{index}",
            arn=store(index), items={"a": "b"})
    for index in range(counts["functions"]):
        config = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
        if index < counts["stores"]:
            config["KeyValueStoreAssociations"] = several([{"KeyValueStoreARN": store(index)}])
        put("functions", f"function-{index}", config, name=f"function-{index}", stage="LIVE",
            code="ZnVuY3Rpb24gaGFuZGxlcihlKSB7IHJldHVybiBlLnJlcXVlc3QgfQ==")
    records = []
    for index in fleet:
        origin = {"Id": "o", "DomainName": f"o{index}.example.net"}
        place = index % counts["origins"]
        if index < COUNT // 2:
            origin["OriginAccessControlId"] = f"EOAC{place:09d}"
            origin["CustomOriginConfig"] = {
                "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only",
                "OriginSslProtocols": several(["TLSv1.2"])}
        else:
            origin["S3OriginConfig"] = {"OriginAccessIdentity": f"origin-access-identity/cloudfront/EOAI{place:09d}"}
        behaviour = {
            "TargetOriginId": "o", "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": f"cache-{index % counts['policies']}",
            "OriginRequestPolicyId": f"request-{index % counts['policies']}",
            "ResponseHeadersPolicyId": f"response-{index % counts['policies']}",
            "FieldLevelEncryptionId": f"C{index % counts['keys']:013d}",
            "TrustedKeyGroups": {"Enabled": True, **several([f"group-{index % counts['keys']}"])},
            "AllowedMethods": several(["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]),
            "FunctionAssociations": several([{
                "EventType": "viewer-request",
                "FunctionARN": arn("function", f"function-{index % counts['functions']}")}])}
        zone = index % counts["certificates"]
        alias = f"w{index}.z{zone}.example.com"
        source["distributions"].append({
            "id": f"E{index:013d}", "domainName": f"d{index:013d}.cloudfront.net", "tags": {"team": "web"}, "config": {
                "CallerReference": f"bench-{index}", "Aliases": several([alias]), "Comment": "", "Enabled": True,
                "HttpVersion": "http2", "Origins": several([origin]), "DefaultCacheBehavior": behaviour,
                "ViewerCertificate": {
                    "ACMCertificateArn": certificate(zone, SOURCE), "SSLSupportMethod": "sni-only",
                    "MinimumProtocolVersion": "TLSv1.2_2021"}}})
        records.append({"name": alias + ".", "type": "CNAME", "ttl": 300, "data": [f"d{index:013d}.cloudfront.net."]})
    source["hostedZones"] = [{"id": "Z1", "name": "example.com.", "records": records}]
    return source, target


DEPENDENCIES = ["originAccessControls", "originAccessIdentities", "cachePolicies", "originRequestPolicies",
                "responseHeadersPolicies", "publicKeys", "keyGroups", "fieldLevelEncryptionProfiles",
                "fieldLevelEncryptionConfigs", "keyValueStores", "functions", "certificates"]


def least(source, named, conflicts, lists):
    """Calls that reading a closure takes at the least: each thing once, and the pages of each list.

    A distribution is three (config, tags, metrics subscription), a function three (config, code, tags), a store two
    (itself, and its items, which are another service's and take two).
    """
    each = {"distributions": 3, "functions": 3, "keyValueStores": 2}
    reads = sum(each.get(kind, 1) * len(source[kind]) for kind in ["distributions"] + named)
    return reads + conflicts + lists


class Lab:
    """A lab with accounts in it; counts what it was asked."""

    def __init__(self, folder, accounts, *faults, resolves=False):
        self.folder = folder
        load = tempfile.mktemp(dir=folder, suffix=".json")
        json.dump({"schema": "edgeferry.inventory/1", "accounts": accounts}, open(load, "w"))
        ready = tempfile.mktemp(dir=folder)
        options = [word for fault in faults for word in ("--fault", fault)]
        self.process = subprocess.Popen(
            [EDGEFERRY, "lab", "serve", "--propagation", "0s", "--load", load, "--ready-file", ready] + options,
            stdout=subprocess.DEVNULL)
        while not os.path.exists(ready) or not open(ready).read().strip():
            if self.process.poll() is not None:
                sys.exit("the lab did not start")
            time.sleep(0.05)
        answer = json.load(open(ready))
        self.api = answer["api"]
        config = os.path.join(folder, "aws.config")
        with open(config, "w") as file:
            for name, number in (("old", SOURCE), ("new", TARGET)):
                keys = answer["accounts"][number]
                file.write(f"[profile {name}]\naws_access_key_id={keys['accessKeyId']}\n"
                           f"aws_secret_access_key={keys['secretAccessKey']}\nregion=us-east-1\n")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.environment.update(
            AWS_CONFIG_FILE=config, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_ENDPOINT_URL=self.api,
            AWS_REGION="us-east-1", EDGEFERRY_EDGE_PORT=answer["edge"].split(":")[-1], EDGEFERRY_EDGE_CA=answer["ca"])
        servers = ", ".join(f'"{it}"' for it in answer["nameservers"])
        open(os.path.join(folder, "edgeferry.yaml"), "w").write(
            "version: 1\naccounts: { source: { profile: old }, target: { profile: new } }\n"
            f"zones: {{ example.com: {{ provider: route53, zoneId: Z1, account: source, nameservers: [{servers}] }} }}\n"
            # When planning, watching how a resolver counts TTLs down takes seconds of its own.
            + (f'resolvers: ["{answer["resolver"]}"]\n' if resolves else "resolvers: []\n")
            + "polling: { deployed: 0.1s, authoritative: 0.1s, rounds: 1 }\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def asked(self):
        with urllib.request.urlopen(self.api + "/_lab/requests") as answer:
            return json.load(answer)

    def counted(self, *words, codes=(0,), environment=None):
        """Figures of a command and the operations that it asked for."""
        before = len(self.asked())
        figures = run(list(words), self.folder, environment or self.environment, codes=codes)
        asked = self.asked()[before:]
        return figures, collections.Counter((it["account"], it["service"], it["operation"]) for it in asked)


def explain(calls):
    for (account, service, operation), count in sorted(calls.items(), key=lambda it: -it[1])[:40]:
        print(f"      {count:5} {service}:{operation} in {account}")


def main():
    folder = tempfile.mkdtemp(prefix="edgeferry-migrate-bench")
    source, target = scene()
    ids = [it["id"] for it in source["distributions"]]
    count = sum(len(source[kind]) for kind in DEPENDENCIES)
    print(f"moving {COUNT} distributions with {count} dependencies, 50 ms a call:", flush=True)
    try:
        plan = [EDGEFERRY, "migrate", "plan", *ids, "--source", "source", "--target", "target", "--name", "many",
                "--output", "json"]
        with Lab(folder, [source, target], LATENCY) as lab:
            listed = {kind: [it["id"] for it in source[kind]] for kind in ["distributions"] + DEPENDENCIES}
            listed["conflicts"] = [[it["id"], it["config"]["Aliases"]["Items"][0]] for it in source["distributions"]]
            things = os.path.join(folder, "things.json")
            json.dump(listed, open(things, "w"))
            rival, rival_calls = lab.counted(
                sys.executable, "-c", BOTO3, things, environment={**lab.environment, "AWS_PROFILE": "old"})
            show("boto3, 16 threads, reading alone", rival, rival_calls.total())
            ours, calls = lab.counted(*plan)
            show("edgeferry migrate plan", ours, calls.total())
        if "--calls" in sys.argv:
            explain(calls)
        pages = lambda kind: -(-len(source[kind]) // 100)
        # Both identities; of the source its stores, AWS's own policies of three kinds and log deliveries; the zone and its
        # records; of the target, which holds none of the names, one page of each of twelve kinds and its certificates.
        needed = least(source, DEPENDENCIES, COUNT, 2 + 1 + 3 + 1 + 1 + -(-COUNT // 300) + 10 + 1 + len(target["certificates"]))
        bar("calls of the plan to the least", calls.total() / needed, 1.1)
        bar("time of the plan to boto3's reading", ours[0] / rival[0], 1.0)
        bar("CPU of the plan to boto3's reading", ours[1] / rival[1], 1.0)
        bar("memory of the plan", ours[2], 150, "MB")
        with Lab(folder, [source, target]) as lab:
            said = json.loads(lab.counted(*plan)[0][3])
            steps = [step["id"] for step in json.load(open(os.path.join(folder, "plans", "many.plan.json")))["steps"]]
            until = next(it for it in steps if it.startswith("prove-"))
            figures, _ = lab.counted(
                EDGEFERRY, "apply", "many", "--approve", said["digest"], "--until", until, "--output", "json", codes=(3,))
            print(f"  the copies are made, without latency, in {figures[0]:.1f} s")
            copies = os.path.join(folder, "copies.json")
            state = json.load(urllib.request.urlopen(lab.api + "/_lab/state"))[TARGET]
            run([EDGEFERRY, "migrate", "export", *[it["id"] for it in state["distributions"]], "--out", copies,
                 "--include-secrets", "--output", "json"], folder, {**lab.environment, "AWS_PROFILE": "new"})
        there = next(it for it in json.load(open(copies))["accounts"] if it["id"] == TARGET)
        there["certificates"] = target["certificates"]
        with Lab(folder, [source, there], LATENCY, resolves=True) as lab:
            ours, calls = lab.counted(EDGEFERRY, "migrate", "verify", "many", "--output", "json", codes=(0, 4))
            show("edgeferry migrate verify", ours, calls.total())
        if "--calls" in sys.argv:
            explain(calls)
        verdict = json.loads(ours[3])
        odd = [it for it in verdict["differences"] if not it["expected"]]
        print(f"  {len(verdict['differences'])} differences, {len(odd)} not meant; {len(verdict['names'])} names looked at")
        for it in odd[:3]:
            print(f"    {it}")
        # Both closures; of each account its identity, stores, AWS's own policies and log deliveries.
        needed = 2 * least(source, DEPENDENCIES, 0, 1 + 1 + 3 + 1)
        bar("calls of the verification to the least", calls.total() / needed, 1.1)
        bar("time of it to twice boto3's reading", ours[0] / (2 * rival[0]), 1.0)
        bar("memory of it", ours[2], 150, "MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    missed = 0
    for name, value, limit, unit in BARS:
        met = value <= limit
        missed += not met
        print(f"  {'met   ' if met else 'MISSED'} {name:40} {value:8.2f} {unit:2} (bar {limit:g} {unit})".rstrip())
    sys.exit(1 if CHECK and missed else 0)


if __name__ == "__main__":
    main()
