"""Verifies 10,000 names on 4 servers, against named rivals on the same servers in the same run.

An authoritative server (nsd, else knotd) answers on four loopback addresses. dnsperf only counts replies; dig, kdig
and dnspython parse them; edgeferry matches, parses and judges each. The bar is the time to dnsperf's.

Usage: dns.py PATH-OF-EDGEFERRY [names] [--check]
Figures are medians of several runs taken in turn; CPU is the child's own (wait4). Exits 0 whatever the figures say,
unless --check is given: then 1 when the bar is missed.
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

# This file is no package of that name: dnspython's must be found instead.
sys.path.pop(0)

CHECK = "--check" in sys.argv
GIVEN = [argument for argument in sys.argv[1:] if argument != "--check"]
EDGEFERRY = os.path.abspath(GIVEN[0])
COUNT = int(GIVEN[1]) if len(GIVEN) > 1 else 10_000
ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]
LIMIT = 1.6
ZONE = "bench.example"
TARGET = "d111111abcdef8.cloudfront.net"
os.environ["PATH"] += ":/usr/sbin:/sbin"

DNSPYTHON = """
import asyncio, sys, dns.asyncquery, dns.asyncbackend, dns.flags, dns.message
port = int(sys.argv[1])
names = open(sys.argv[2]).read().split()
async def one(name, address, gate):
    async with gate:
        query = dns.message.make_query(name, "CNAME")
        query.flags &= ~dns.flags.RD
        reply = await dns.asyncquery.udp(query, address, port=port, timeout=5)
        return len(reply.answer) == 1
async def main():
    gate = asyncio.Semaphore(100)
    done = await asyncio.gather(*[one(n, a, gate) for n in names for a in ADDRESSES])
    assert all(done)
ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]
asyncio.run(main())
"""


def free_port():
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                for address in ADDRESSES:
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind((address, port))
            return port
        except OSError:
            continue


class Server:
    """One authoritative server on four addresses, and its zone of names that have all moved."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        with open(os.path.join(folder, "zone"), "w") as file:
            file.write(f"$ORIGIN {ZONE}.\n$TTL 300\n@ SOA ns1 host 1 3600 600 86400 300\n@ NS ns1\nns1 A 127.0.0.1\n")
            for index in range(COUNT):
                file.write(f"n{index} CNAME {TARGET}.\n")
        command = self.nsd() if shutil.which("nsd") else self.knot()
        self.name = command[0]
        self.log = open(os.path.join(folder, "server.log"), "w")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        for address in ADDRESSES:
            self.wait(address)

    def nsd(self):
        path = os.path.join(self.folder, "nsd.conf")
        with open(path, "w") as file:
            file.write("server:\n  server-count: 1\n")
            file.writelines(f"  ip-address: {address}@{self.port}\n" for address in ADDRESSES)
            for key, name in (("pidfile", "nsd.pid"), ("xfrdfile", "xfrd"), ("zonelistfile", "list")):
                file.write(f'  {key}: "{self.folder}/{name}"\n')
            file.write(f'  database: ""\n  username: ""\n  chroot: ""\n  zonesdir: "{self.folder}"\n')
            file.write(f'  xfrdir: "{self.folder}"\n  rrl-ratelimit: 0\n')
            file.write(f"remote-control:\n  control-enable: no\nzone:\n  name: {ZONE}\n  zonefile: zone\n")
        return ["nsd", "-d", "-c", path]

    def knot(self):
        path = os.path.join(self.folder, "knot.conf")
        with open(path, "w") as file:
            listen = ", ".join(f"{address}@{self.port}" for address in ADDRESSES)
            file.write(f"server:\n  rundir: {self.folder}\n  listen: [{listen}]\n  udp-workers: 1\n")
            file.write(f"database:\n  storage: {self.folder}\n")
            file.write(f"zone:\n- domain: {ZONE}\n  storage: {self.folder}\n  file: zone\n")
        return ["knotd", "-c", path]

    def wait(self, address):
        query = b"\0\1\0\0\0\1\0\0\0\0\0\0" + b"".join(
            bytes([len(part)]) + part.encode() for part in ZONE.split(".")) + b"\0\0\6\0\1"
        for _ in range(200):
            if self.process.poll() is not None:
                sys.exit("the server ended: " + open(self.log.name).read()[-2000:])
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.settimeout(0.1)
                try:
                    probe.connect((address, self.port))
                    probe.send(query)
                    if probe.recv(512)[3] & 15 == 0:
                        return
                except OSError:
                    time.sleep(0.1)
        sys.exit(f"the server does not answer on {address}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def run(commands, accepted=(0,)):
    """Wall and CPU seconds of commands, one after the other or, in a list of lists, side by side."""
    groups = commands if isinstance(commands[0][0], list) else [[command] for command in commands]
    cpu, memory = 0.0, 0.0
    start = time.perf_counter()
    for group in groups:
        children = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for c in group]
        for child in children:
            talk = child.stderr.read()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode not in accepted:
                sys.exit(f"{child.args[:3]} failed ({child.returncode}): {talk.decode()[-2000:]}")
            cpu += usage.ru_utime + usage.ru_stime
            memory = max(memory, usage.ru_maxrss / 1024)
    return time.perf_counter() - start, cpu, memory


def show(name, rows, rival=None):
    wall, cpu, memory = (statistics.median(column) for column in zip(*rows))
    ratio = f"  {wall / rival:6.2f} x dnsperf's time" if rival else ""
    print(f"  {name:34} {wall * 1000:8.0f} ms  CPU {cpu * 1000:7.0f} ms  {memory:6.1f} MB{ratio}", flush=True)
    return wall


def rivals(folder, port):
    """Commands by name: what each needs to ask all names of all servers."""
    def write(name, lines):
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            file.writelines(line + "\n" for line in lines)
        return path

    names = [f"n{index}.{ZONE}" for index in range(COUNT)]
    perf = write("dnsperf.in", [f"{name} CNAME" for name in names])
    plain = write("names.in", names)
    out = {}
    if shutil.which("dnsperf"):
        each = [["dnsperf", "-s", a, "-p", str(port), "-d", perf, "-n", "1", "-q", "100"] for a in ADDRESSES]
        out["dnsperf, server after server"] = each
        out["dnsperf, all servers at once"] = [each]
    if shutil.which("dig"):
        files = [write(f"dig.{a}", [f"@{a} -p {port} +norec {name} CNAME" for name in names]) for a in ADDRESSES]
        out["dig -f, server after server"] = [["dig", "-f", file] for file in files]
        out["dig -f, all servers at once"] = [[["dig", "-f", file] for file in files]]
    if shutil.which("kdig"):
        out["kdig, 1,000 names a process"] = [
            ["sh", "-c", f"xargs -n 2000 kdig @{a} -p {port} +norec <{perf}"] for a in ADDRESSES]
    try:
        import dns.asyncquery  # noqa: F401
        out["dnspython, asyncio"] = [[sys.executable, "-c", DNSPYTHON, str(port), plain]]
    except ImportError:
        pass
    return out


def edgeferry(folder, port):
    """The command, and a check that each of its answers is right."""
    names = os.path.join(folder, "names.csv")
    with open(names, "w") as file:
        file.writelines(f"n{index}.{ZONE},{TARGET}\n" for index in range(COUNT))
    servers = ", ".join(f'"{address}:{port}"' for address in ADDRESSES)
    with open(os.path.join(folder, "edgeferry.yaml"), "w") as file:
        file.write(f"zones:\n  {ZONE}: {{ provider: manual, nameservers: [{servers}] }}\nresolvers: []\n")
    command = [EDGEFERRY, "cutover", "verify", "--names", names, "--workspace", folder, "--output", "json"]
    told = subprocess.run(command, capture_output=True, check=False)
    if told.returncode not in (0, 4):
        sys.exit(f"edgeferry failed ({told.returncode}): {told.stderr.decode()[-2000:]}")
    verdicts = [name["dns"] for name in json.loads(told.stdout)["names"]]
    assert verdicts == ["changed"] * COUNT, {kind: verdicts.count(kind) for kind in set(verdicts)}
    return [command]


def main():
    folder = tempfile.mkdtemp(prefix="edgeferry-dns")
    try:
        with Server(folder) as server:
            print(f"{COUNT} names on {len(ADDRESSES)} servers ({server.name}), {COUNT * len(ADDRESSES)} queries:", flush=True)
            ours = edgeferry(folder, server.port)
            others = rivals(folder, server.port)
            quick = {name: commands for name, commands in others.items() if name.startswith("dnsperf")}
            rows = {name: [] for name in others}
            mine = []
            # In turn, so that what else the machine does falls on all alike.
            for _ in range(5):
                for name, commands in quick.items():
                    rows[name].append(run(commands))
                mine.append(run(ours, accepted=(0, 4)))
            best = min((show(name, rows[name]) for name in quick), default=None)
            wall = show("edgeferry cutover verify", mine, best)
            for name, commands in others.items():
                if name not in quick:
                    show(name, [run(commands)], best)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if best is None:
        print("bars:\n  not measured: there is no dnsperf")
        return
    ratio = wall / best
    print(f"bars:\n  {'met   ' if ratio <= LIMIT else 'MISSED'} verifying, to dnsperf's time"
          f" {ratio:17.2f} x  (bar {LIMIT:g} x)")
    sys.exit(1 if CHECK and ratio > LIMIT else 0)


if __name__ == "__main__":
    main()
