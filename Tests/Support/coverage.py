"""Prints the line coverage of our own sources over several runs of the tests.

Usage: coverage.py FOLDER-OF-THE-BUILD PROFILE...
"""
import collections
import glob
import json
import os
import shutil
import subprocess
import sys

build, profiles = sys.argv[1], sys.argv[2:]
tools = os.path.dirname(os.path.realpath(shutil.which("swift")))


def tool(name, *arguments):
    return subprocess.run([os.path.join(tools, name), *arguments], check=True, stdout=subprocess.PIPE).stdout


merged = os.path.join(build, "all.profdata")
tool("llvm-profdata", "merge", "-sparse", *profiles, "-o", merged)
bundle = glob.glob(os.path.join(build, "*.xctest"))[0]
data = json.loads(tool("llvm-cov", "export", "-summary-only", f"-instr-profile={merged}", bundle))["data"][0]
targets = collections.defaultdict(lambda: [0, 0])
for file in data["files"]:
    parts = file["filename"].split("/")
    if "Sources" not in parts or ".build" in file["filename"]:
        continue
    at = parts.index("Sources")
    name = "/".join(parts[at + 1 : at + (3 if parts[at + 1] == "Capabilities" else 2)])
    lines = file["summary"]["lines"]
    targets[name][0] += lines["covered"]
    targets[name][1] += lines["count"]
print("coverage of our own sources (lines):")
for name, (covered, count) in sorted(targets.items()):
    print(f"  {name:28} {covered:6} of {count:6}  {100 * covered / max(1, count):5.1f} %")
covered = sum(c for c, _ in targets.values())
count = sum(n for _, n in targets.values())
print(f"  {'all':28} {covered:6} of {count:6}  {100 * covered / max(1, count):5.1f} %")
