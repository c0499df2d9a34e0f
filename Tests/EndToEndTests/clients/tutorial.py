"""Runs what a tutorial tells its reader to type, and compares what is printed with what the page shows.

Usage: tutorial.py PAGE PATH-OF-EDGEFERRY [--write]

Every block fenced as `sh` is run, in order, in one bash session in an empty folder with `edgeferry` on PATH; no other
block is. A block fenced as `text` right behind one shows all that it prints, stdout and stderr together: equal after
what differs from run to run (ids, times, ports, digests) is normalised on both sides, and a line `…` stands for any lines. A
command that fails is an error unless the fence says so: ```sh exit=4. --write puts what was printed into the page.
Ends with 1 and the difference when the page is wrong.
"""

import contextlib
import difflib
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 720
CHANGING = [
    (r"sha256:(?:[0-9a-f]{64}|…)", "sha256:…"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", "TIME"),
    (r"\b\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?", "DATE"),
    (r"\b\d\d:\d\d:\d\d\b", "CLOCK"),
    (r"(127\.0\.0\.\d):\d+", r"\1:PORT"),
    (r"\b\d+(?:\.\d+)? (?:s|ms)\b", "SPAN"),
    (r"\b20\d{12}\b", "STAMP"),
    (r"(?<![\d.])\d+\.\d(?![\d.])", "N"),
    (r"[ \t]+", " "),
]


class Block:
    """A fenced block: its kind, the words behind that, its lines, and where in the page they are."""

    def __init__(self, info, first):
        self.kind, *self.words = info.split() or [""]
        self.first, self.lines = first, []


def blocks(lines):
    """The fenced blocks of a page; `after` of a `text` block is the `sh` block right before it."""
    out, current = [], None
    for number, line in enumerate(lines):
        if current is None and line.startswith("```"):
            current = Block(line[3:], number + 1)
        elif current is not None and line.rstrip() == "```":
            out.append(current)
            current = None
        elif current is not None:
            current.lines.append(line)
    if current is not None:
        sys.exit(f"line {current.first}: a block that does not end")
    return out


def normal(lines, folder):
    text = "\n".join(lines).replace(f"{folder}/work", ".").replace(str(folder), "FOLDER")
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text)
    return [line.rstrip() for line in text.split("\n")]


def agree(shown, printed):
    """Whether the lines are equal, where a shown `…` stands for any number of lines."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line) + r"\n" for line in shown)
    return re.fullmatch(pattern, "".join(line + "\n" for line in printed)) is not None


def run(scripts, folder, binary):
    """What each script printed and which statuses its commands failed with."""
    (folder / "bin").mkdir()
    (folder / "bin/edgeferry").symlink_to(binary)
    (folder / "work").mkdir()
    parts = ["cd work", "trap 'echo $? >>\"$TUTORIAL/failed\"' ERR", "set -o pipefail"]
    for number, script in enumerate(scripts):
        (folder / f"{number}.sh").write_text("\n".join(script.lines) + "\n:\n", encoding="utf-8")
        parts.append(f': >"$TUTORIAL/failed"; source "$TUTORIAL/{number}.sh" >"$TUTORIAL/{number}.out" 2>&1; cp "$TUTORIAL/failed" "$TUTORIAL/{number}.failed"')
    (folder / "all.sh").write_text("\n".join(parts) + "\n", encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EDGEFERRY_"))}
    session = subprocess.Popen(
        ["bash", str(folder / "all.sh")], cwd=folder, start_new_session=True, stdin=subprocess.DEVNULL,
        env=kept | {"HOME": str(folder), "TUTORIAL": str(folder), "PATH": f"{folder}/bin:{kept['PATH']}", "AWS_EC2_METADATA_DISABLED": "true", "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "COLUMNS": "80"})
    try:
        session.wait(SECONDS)
    except subprocess.TimeoutExpired:
        print(f"not done after {SECONDS} s")
    finally:
        # The lab that the page started, too.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(session.pid, signal.SIGTERM)
        session.wait()
    for number in range(len(scripts)):
        out, failed = folder / f"{number}.out", folder / f"{number}.failed"
        yield (
            out.read_text(encoding="utf-8").rstrip("\n").split("\n") if out.exists() else ["(never run)"],
            failed.read_text().split() if failed.exists() else ["never done"],
        )


def main():
    page, binary = Path(sys.argv[1]), os.path.realpath(sys.argv[2])
    lines = page.read_text(encoding="utf-8").split("\n")
    found = blocks(lines)
    scripts = [it for it in found if it.kind == "sh"]
    shown = {id(a): b for a, b in zip(found, found[1:]) if a.kind == "sh" and b.kind == "text"}
    if not scripts:
        sys.exit(f"{page}: nothing to run")
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="tutorial-", ignore_cleanup_errors=True) as place:
        folder = Path(place).resolve()
        results = list(run(scripts, folder, binary))
        for script, (printed, failed) in reversed(list(zip(scripts, results))):
            wanted = [it[5:] for it in script.words if it.startswith("exit=")]
            if failed != wanted:
                wrong += 1
                print(f"{page}:{script.first}: {script.lines[0]!r} failed with {failed} where the page says {wanted}:")
                print("\n".join(printed[-20:]))
            block = shown.get(id(script))
            if block is None:
                continue
            said, told = normal(printed, folder), normal(block.lines, folder)
            if agree(told, said):
                continue
            if "--write" in sys.argv:
                short = [re.sub(r"sha256:[0-9a-f]{64}", "sha256:…", line).replace(str(folder / "work"), ".") for line in printed]
                lines[block.first : block.first + len(block.lines)] = short
            else:
                wrong += 1
                print(f"{page}:{block.first}: something else is printed:")
                print("\n".join(difflib.unified_diff(told, said, "page", "printed", lineterm="")))
    if "--write" in sys.argv:
        page.write_text("\n".join(lines), encoding="utf-8")
    if wrong:
        sys.exit(1)
    print(f"{page}: {len(scripts)} blocks run, {len(shown)} answers as shown")


if __name__ == "__main__":
    main()
