"""Man pages of every command, in mdoc(7), made from what the built binary says of itself.

Usage: manual.py PATH-OF-EDGEFERRY FOLDER

Writes FOLDER/edgeferry.1, FOLDER/edgeferry-orphans.1, FOLDER/edgeferry-orphans-plan.1, … SOURCE_DATE_EPOCH (seconds)
is the date of the pages. Reads `--experimental-dump-help` (ToolInfo 0 of swift-argument-parser) and `help exit-codes`.
"""

import itertools
import json
import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

ENVIRONMENT = [
    ("EDGEFERRY_STATE", "Where the state is, as --state says it."),
    ("EDGEFERRY_WORKSPACE", "The folder that holds plans, runbooks and state, as --workspace says it."),
    ("EDGEFERRY_EDGE_PORT, EDGEFERRY_EDGE_CA", "Where serving proofs connect, and the CA that they trust; the lab prints both."),
    ("AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …", "As the AWS CLI reads them."),
    ("NO_COLOR", "No colours."),
]
FILES = [
    ("edgeferry.yaml", "The settings."),
    (".edgeferry/state.sqlite", "Journal, before-images, approvals, leases and ledgers."),
    ("plans/NAME.plan.json", "A plan; NAME.rollback.plan.json beside it takes it back."),
    ("runbooks/NAME.md", "A plan as a runbook."),
]


def escaped(text):
    """Text of a page, safe on a line of its own: no escapes, no requests; `code` becomes bold."""
    text = text.replace("\\", "\\e").replace("…", "...").replace("-", "\\-")
    text = re.sub(r"`([^`]+)`", r"\\fB\1\\fP", text)
    return "\\&" + text if text[:1] in (".", "'") else text


def argument(text):
    """Words behind a macro; a word that is itself the name of a macro would be called."""
    words = escaped(text).replace('"', "\\(dq").split()
    return " ".join(f"\\&{it}" if len(it) <= 2 and it.isalpha() else it for it in words)


def lines(text):
    """Lines of at most 80 characters, each a new sentence where one begins, as man pages want them."""
    for sentence in re.split(r"(?<=[.!?]) +(?=[A-Z])", " ".join(text.split())):
        yield from (escaped(it) for it in textwrap.wrap(sentence, 72, break_long_words=False, break_on_hyphens=False))


def paragraphs(text):
    """A discussion: its paragraphs, its lists (two spaces before a term, more before what it means), its examples."""
    for part in re.split(r"\n\s*\n", text.strip()):
        for indented, run in itertools.groupby(part.splitlines(), key=lambda it: it.startswith("  ")):
            if indented:
                yield ".Bl -tag -width indent -compact"
                for line in run:
                    if line.startswith("   "):
                        yield from lines(line)
                    else:
                        yield f".It {argument(line)}"
                yield ".El"
                continue
            prose, example, command = "\n".join(run).partition("Example: ")
            if prose.strip():
                yield ".Pp"
                yield from lines(prose)
            if example:
                yield ".Pp"
                yield "Example:"
                yield from (f".Dl {argument(it.strip())}" for it in command.splitlines() if it.strip())


def names(it):
    return [("-" if name["kind"] == "short" else "--") + name["name"] for name in it.get("names", [])]


def flag(name):
    return f"Fl {argument(name[1:])}"


def synopsis(it):
    """One argument of a SYNOPSIS."""
    if it["kind"] == "positional":
        body = f"Ar {argument(it['valueName'])}"
    else:
        body = flag(names(it)[-1]) + ("" if it["kind"] == "flag" else f" Ar {argument(it['valueName'])}")
    return (".Op " if it["isOptional"] else ".") + body + (" ..." if it["isRepeating"] else "")


def items(arguments):
    """Arguments as a tagged list."""
    yield ".Bl -tag -width indent"
    for it in arguments:
        if it["kind"] == "positional":
            yield f".It Ar {argument(it['valueName'])}"
        else:
            value = "" if it["kind"] == "flag" else f" Ar {argument(it['valueName'])}"
            yield ".It " + " , ".join(flag(name) for name in names(it)) + value
        yield from lines(it.get("abstract", "") or "See above.")
        if it.get("discussion"):
            yield from lines(it["discussion"])
        values = it.get("allValues")
        if values and not all(value in it.get("abstract", "") for value in values):
            yield from lines(f"One of {', '.join(values)}.")
        if it.get("defaultValue") and it["kind"] == "option":
            yield from lines(f"Default: {it['defaultValue']}.")
    yield ".El"


def tagged(rows, macro):
    yield ".Bl -tag -width indent"
    for name, text in rows:
        yield f".It {macro} {argument(name)}"
        yield from lines(text)
    yield ".El"


def visible(command):
    return [it for it in command.get("arguments", []) if it["shouldDisplay"] and not {"--help", "--version"} & set(names(it))]


def children(command):
    return [it for it in command.get("subcommands", []) if it["shouldDisplay"] and it["commandName"] != "help"]


def leaves(path, command):
    if children(command):
        return [leaf for it in children(command) for leaf in leaves(path + [it["commandName"]], it)]
    return [(path, command)]


def page(path, command, above, shared, exits, date, version):
    """The lines of one page. `shared` are the names of options that every command takes."""
    name = "-".join(path)
    own = [it for it in visible(command) if not set(names(it)) & shared]
    common = [it for it in visible(command) if set(names(it)) & shared]
    below = children(command)
    summary = command.get("abstract", "").rstrip(".")
    yield f".Dd {date}"
    yield f".Dt {name.upper()} 1"
    yield f".Os edgeferry {version}"
    yield ".Sh NAME"
    yield f".Nm {name}"
    yield f".Nd {escaped(summary)}"
    yield ".Sh SYNOPSIS"
    yield f".Nm {' '.join(path)}"
    if below:
        yield ".Ar command"
        yield ".Op Ar argument ..."
    else:
        yield from (synopsis(it) for it in own)
        if common:
            yield ".Op Ar global options"
    yield ".Sh DESCRIPTION"
    yield from lines(command.get("abstract", ""))
    if command.get("discussion"):
        yield from paragraphs(command["discussion"])
    if below:
        yield ".Sh COMMANDS"
        yield from tagged([(it["commandName"], it.get("abstract", "")) for it in below], "Cm")
    if own:
        yield ".Sh OPTIONS"
        yield from items(own)
    if common:
        yield ".Sh GLOBAL OPTIONS"
        yield "They may stand before or behind the command's name."
        yield from items(common)
    if len(path) == 1:
        yield ".Sh ENVIRONMENT"
        yield from tagged(ENVIRONMENT, "Ev")
        yield ".Sh FILES"
        yield from tagged(FILES, "Pa")
    yield ".Sh EXIT STATUS"
    if len(path) == 1:
        yield from tagged(exits, "Sy")
    else:
        yield "0 when done or when there is nothing to do."
        yield "The other codes are in"
        yield ".Xr edgeferry 1 ."
    beside = above + [f"{name}-{it['commandName']}" for it in below]
    if beside:
        yield ".Sh SEE ALSO"
        yield from (f".Xr {it} 1 ," for it in sorted(beside)[:-1])
        yield f".Xr {sorted(beside)[-1]} 1"


def written(folder, path, command, above, **facts):
    text = "\n".join(page(path, command, above, **facts)) + "\n"
    (folder / f"{'-'.join(path)}.1").write_text(text, encoding="utf-8")
    for it in children(command):
        written(folder, path + [it["commandName"]], it, above + ["-".join(path)], **facts)


def main():
    binary, folder = sys.argv[1], Path(sys.argv[2])
    said = lambda *words: subprocess.run([binary, *words], check=True, capture_output=True, text=True).stdout
    root = json.loads(said("--experimental-dump-help"))["command"]
    exits = [re.split(r"\s{2,}", it.strip(), maxsplit=1) for it in said("help", "exit-codes").splitlines() if it.strip()]
    every = [set(name for it in visible(command) if it["kind"] != "positional" for name in names(it)) for _, command in leaves(["edgeferry"], root)]
    shared = set.intersection(*every)
    date = time.strftime("%B %-d, %Y", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("edgeferry*.1"):
        old.unlink()
    written(folder, ["edgeferry"], root, [], shared=shared, exits=exits, date=date, version=said("--version").strip())


if __name__ == "__main__":
    main()
