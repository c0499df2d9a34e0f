"""Prints the line coverage of our own sources: of the tests, and of every binary that they ran.

Usage: coverage.py FOLDER-OF-THE-BUILD FOLDER-OF-PROFILES

A process that a test kills while it writes its profile leaves half of one: that is left out, and counted.
"""
import collections
import glob
import json
import os
import shutil
import subprocess
import sys

build, folder = sys.argv[1:]
tools = os.path.dirname(os.path.realpath(shutil.which("swift")))


def tool(name, *arguments):
    return subprocess.run([os.path.join(tools, name), *arguments], check=True, stdout=subprocess.PIPE).stdout


merged, names = os.path.join(folder, "all.profdata"), os.path.join(folder, "names")
profiles = glob.glob(os.path.join(folder, "*.profraw"))
with open(names, "w") as file:
    file.writelines(f"{name}\n" for name in profiles)
done = subprocess.run(
    [os.path.join(tools, "llvm-profdata"), "merge", "-sparse", "--failure-mode=all", "-f", names, "-o", merged],
    stderr=subprocess.PIPE, text=True)
if done.returncode:
    sys.exit(f"coverage: of {len(profiles)} profiles none can be read: {done.stderr[:1000]}")
broken = sum(line.startswith("warning: ") for line in done.stderr.splitlines())
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
print(f"coverage of our own sources (lines), from {len(profiles)} processes, {broken} of them killed as they wrote theirs:")
for name, (covered, count) in sorted(targets.items()):
    print(f"  {name:28} {covered:6} of {count:6}  {100 * covered / max(1, count):5.1f} %")
covered = sum(c for c, _ in targets.values())
count = sum(n for _, n in targets.values())
print(f"  {'all':28} {covered:6} of {count:6}  {100 * covered / max(1, count):5.1f} %")
