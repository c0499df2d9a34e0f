"""Planning a 10,000-name cutover, against named rivals in one run, each figure against its bar.

A BIND of this run's own serves the zone on loopback. edgeferry looks at every name on it, and writes the plan and its
rollback plan; octoDNS plans the same changes from files, ldns-compare-zones finds them between two zone files.

Usage: plan.py PATH-OF-EDGEFERRY [names] [--check]
Needs named (bind9); octodns (pip) and ldns-compare-zones (ldnsutils) where they are there. Figures are medians of several
runs; CPU and peak memory are the child's own (wait4). Exits 0 whatever they say, unless --check is given: then 1 when a bar is missed.
"""
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CHECK = "--check" in sys.argv
GIVEN = [argument for argument in sys.argv[1:] if argument != "--check"]
EDGEFERRY = os.path.abspath(GIVEN[0])
COUNT = int(GIVEN[1]) if len(GIVEN) > 1 else 10_000
OLD, NEW = "d111111abcdef8.cloudfront.net.", "d222222abcdef8.cloudfront.net."
BARS = []


def run(command, folder, runs=3):
    """Median wall seconds, CPU seconds and peak MB of a command, and the last run's stdout."""
    rows = []
    for _ in range(runs):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as talk:
            start = time.perf_counter()
            child = subprocess.Popen(command, cwd=folder, stdout=out, stderr=talk)
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - start
            out.seek(0)
            talk.seek(0)
            said = out.read().decode()
            if status != 0:
                sys.exit(f"{command[:3]} failed ({status}): {talk.read().decode()[-2000:]}")
        rows.append((wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return [statistics.median(column) for column in zip(*rows)] + [said]


def show(name, figures):
    wall, cpu, memory = figures[:3]
    print(f"  {name:40} {wall * 1000:8.0f} ms  CPU {cpu * 1000:7.0f} ms  {memory:6.1f} MB", flush=True)


def zone(target, ttl):
    head = ["$ORIGIN example.com.", "@ 900 IN SOA ns1 admin 1 3600 60 1209600 300", "@ 300 IN NS ns1",
            "ns1 300 IN A 127.0.0.1"]
    return "\n".join(head + [f"w{index} {ttl} IN CNAME {target}" for index in range(COUNT)]) + "\n"


class Bind:
    """A name server with the zone, ended by its id."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        open(os.path.join(folder, "old.zone"), "w").write(zone(OLD, 3600))
        open(os.path.join(folder, "named.conf"), "w").write(
            f'options {{ directory "{folder}"; pid-file none; session-keyfile none; lock-file none;'
            f" listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; }};\n"
            f'controls {{ }};\nzone "example.com" {{ type primary; file "old.zone"; }};\n')
        self.process = subprocess.Popen(
            ["named", "-g", "-n", "1", "-c", os.path.join(folder, "named.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("named did not start")
                time.sleep(0.05)
        sys.exit("named does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def edgeferry(folder):
    with Bind(folder) as bind:
        open(os.path.join(folder, "edgeferry.yaml"), "w").write(
            "version: 1\nresolvers: []\n"
            f'zones: {{ example.com: {{ provider: manual, nameservers: ["127.0.0.1:{bind.port}"] }} }}\n')
        names = os.path.join(folder, "names.csv")
        open(names, "w").write("".join(f"w{index}.example.com,{NEW}\n" for index in range(COUNT)))
        command = [EDGEFERRY, "cutover", "plan", "--names", names, "--name", "many", "--output", "json"]
        figures = run(command, folder)
    plan = json.load(open(os.path.join(folder, "plans", "many.plan.json")))
    flips = sum(len(step["action"].get("changes", [])) for step in plan["steps"] if step["id"].startswith("flip"))
    assert flips == COUNT, f"{flips} of {COUNT} names are in the plan"
    show("edgeferry cutover plan, looking included", figures)
    return figures


def octodns(folder):
    if not shutil.which("octodns-sync"):
        print("  octodns is not installed")
        return None
    for side, target, ttl in (("old", OLD, 3600), ("new", NEW, 60)):
        os.makedirs(os.path.join(folder, side), exist_ok=True)
        with open(os.path.join(folder, side, "example.com.yaml"), "w") as file:
            for name in sorted(f"w{index}" for index in range(COUNT)):
                file.write(f"{name}:\n  ttl: {ttl}\n  type: CNAME\n  value: {target}\n")
    sides = "".join(
        f"  {side}: {{class: octodns.provider.yaml.YamlProvider, directory: ./{side}, enforce_order: false}}\n"
        for side in ("old", "new"))
    open(os.path.join(folder, "octodns.yaml"), "w").write(
        f"providers:\n{sides}zones:\n  example.com.: {{sources: [new], targets: [old]}}\n")
    figures = run(["octodns-sync", "--config-file", "octodns.yaml", "--quiet", "--force"], folder, runs=1)
    show("octodns-sync, from files", figures)
    return figures


def compare_zones(folder):
    if not shutil.which("ldns-compare-zones"):
        print("  ldns-compare-zones is not installed")
        return None
    for side, target, ttl in (("one", OLD, 3600), ("two", NEW, 60)):
        open(os.path.join(folder, side + ".zone"), "w").write(zone(target, ttl))
    figures = run(["ldns-compare-zones", "-a", "one.zone", "two.zone"], folder)
    show("ldns-compare-zones, two files", figures)
    return figures


def main():
    folder = tempfile.mkdtemp(prefix="edgeferry-plan-bench")
    try:
        print(f"planning a cutover of {COUNT} names:", flush=True)
        rival = octodns(folder)
        compare_zones(folder)
        ours = edgeferry(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    BARS.append(("time", ours[0], 0.5, "s"))
    BARS.append(("memory", ours[2], 90, "MB"))
    if rival:
        BARS.append(("time to octoDNS's", ours[0] / rival[0], 0.1, "x"))
        BARS.append(("memory to octoDNS's", ours[2] / rival[2], 1.1, "x"))
    missed = 0
    for name, value, limit, unit in BARS:
        met = value <= limit
        missed += not met
        print(f"  {'met   ' if met else 'MISSED'} {name:40} {value:8.2f} {unit:2} (bar {limit:g} {unit})".rstrip())
    sys.exit(1 if CHECK and missed else 0)


main()
