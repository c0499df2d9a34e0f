"""Rehearsing a move of two distributions with their trios.

Nothing else rehearses such a plan, so there is no rival; the bar is the aim that was set for it: 1,000 worlds of a plan
of 40 steps in 10 s on two cores, and in proportion for this plan.

Usage: rehearse.py PATH-OF-EDGEFERRY [worlds] [--check]
Exits 0 whatever it says, unless --check is given: then 1 when the bar is missed.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

CHECK = "--check" in sys.argv
GIVEN = [argument for argument in sys.argv[1:] if argument != "--check"]
EDGEFERRY = os.path.abspath(GIVEN[0])
WORLDS = int(GIVEN[1]) if len(GIVEN) > 1 else 1000
HERE = os.path.dirname(os.path.abspath(__file__))
SCENE = os.path.join(HERE, "../../runbooks/lab/account-move.inventory.json")


def twice(document):
    """The account's trio a second time, under other ids and another name."""
    account = document["accounts"][0]
    text = json.dumps(account["distributions"])
    for old, new in [("E1MOVEWWW", "E3MOVESHOP"), ("E2MOVESTAGE", "E4MOVESHOPSTAGE"), ("cdp-1", "cdp-2"),
                     ("d1.cloudfront.net", "d3.cloudfront.net"), ("d2.cloudfront.net", "d4.cloudfront.net"),
                     ("www.example.com", "shop.example.com")]:
        text = text.replace(old, new)
    more = json.loads(text)
    for it in more:
        it["config"]["CallerReference"] += "-second"
    account["distributions"] += more
    policies = json.loads(json.dumps(account["continuousDeploymentPolicies"]).replace("cdp-1", "cdp-2")
                          .replace("d2.cloudfront.net", "d4.cloudfront.net"))
    account["continuousDeploymentPolicies"] += policies
    for zone in account["hostedZones"]:
        zone["records"] += json.loads(
            json.dumps([r for r in zone["records"] if "www" in json.dumps(r)])
            .replace("www.example.com", "shop.example.com").replace("d1.cloudfront.net", "d3.cloudfront.net"))
    return document


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scene.json")
        json.dump(twice(json.load(open(SCENE))), open(path, "w"))
        ready_file = os.path.join(folder, "ready.json")
        lab = subprocess.Popen(
            [EDGEFERRY, "lab", "serve", "--propagation", "1s", "--load", path, "--ready-file", ready_file],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            for _ in range(200):
                if os.path.exists(ready_file) and os.path.getsize(ready_file):
                    break
                if lab.poll() is not None:
                    sys.exit(lab.stderr.read().decode())
                time.sleep(0.05)
            ready = json.load(open(ready_file))
            with open(os.path.join(folder, "aws.config"), "w") as out:
                for name, number in [("source", "111111111111"), ("target", "222222222222")]:
                    key = ready["accounts"][number]
                    out.write(f"[profile {name}]\nregion = us-east-1\naws_access_key_id = {key['accessKeyId']}\n"
                              f"aws_secret_access_key = {key['secretAccessKey']}\n")
            servers = json.dumps(ready["nameservers"])
            with open(os.path.join(folder, "edgeferry.yaml"), "w") as out:
                out.write("version: 1\naccounts: { source: { profile: source }, target: { profile: target } }\n"
                          f"zones: {{ example.com: {{ provider: route53, zoneId: Z1, account: source, nameservers: {servers} }} }}\n"
                          "resolvers: []\n")
            environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
            environment.update(AWS_CONFIG_FILE=os.path.join(folder, "aws.config"), AWS_ENDPOINT_URL=ready["api"],
                               EDGEFERRY_EDGE_CA=ready["ca"], EDGEFERRY_EDGE_PORT=ready["edge"].rsplit(":", 1)[1])

            def run(*words, codes=(0,)):
                start = time.perf_counter()
                child = subprocess.Popen([EDGEFERRY, *words, "--output", "json"], cwd=folder, env=environment,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                out, talk = child.communicate()
                if child.returncode not in codes:
                    sys.exit(f"{words} ended with {child.returncode}: {talk.decode()[-2000:]}{out.decode()[-2000:]}")
                return time.perf_counter() - start, out

            run("migrate", "plan", "E1MOVEWWW", "E3MOVESHOP", "--source", "source", "--target", "target", "--name", "both")
            steps = len(json.load(open(os.path.join(folder, "plans/both.plan.json")))["steps"])
            missed = False
            for faults in ["none", "all"]:
                usage = os.times()
                wall, out = run("rehearse", "both", "--seeds", str(WORLDS), "--faults", faults, codes=(0, 4))
                after = os.times()
                cpu = after.children_user + after.children_system - usage.children_user - usage.children_system
                report = json.loads(out)
                rules = sorted({it["rule"] for it in report["violations"]})
                print(f"  {WORLDS} worlds of {steps} steps, faults {faults:5} {wall:7.2f} s  CPU {cpu:7.2f} s  "
                      f"{cpu / WORLDS * 1000:6.1f} ms each  {report['endings']} {rules}", flush=True)
                limit = 10 * WORLDS / 1000 * steps / 40
                print(f"  bar: {wall:.1f} s of {limit:.0f} s {'met' if wall <= limit else 'MISSED'}", flush=True)
                missed = missed or wall > limit
            sys.exit(1 if CHECK and missed else 0)
        finally:
            lab.terminate()
            lab.wait()


main()
