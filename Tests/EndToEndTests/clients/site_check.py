"""Reads a built site as a browser would: every local link must lead to a file and an element of it, nothing is loaded
from elsewhere or run, and every command of the binary has its --help on a page.

Usage: site_check.py FOLDER PATH-OF-EDGEFERRY
"""

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Reader(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.tags, self.text = [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "src"):
                self.links.append((tag, value))
            elif name.startswith("on") or name == "style":
                self.tags.add("script")

    def handle_data(self, data):
        self.text.append(data)


def main():
    folder, binary = Path(sys.argv[1]).resolve(), sys.argv[2]
    pages = {path: Reader(path) for path in folder.rglob("*.html")}
    wrong, reached, queue = [], set(), [folder / "index.html"]
    for path, page in pages.items():
        if len(set(page.ids)) != len(page.ids):
            wrong.append(f"{path}: an id is there twice")
        if {"script", "iframe", "object"} & page.tags:
            wrong.append(f"{path}: runs or embeds something")
        for tag, link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                if tag != "a" or parts.scheme not in ("http", "https", "mailto"):
                    wrong.append(f"{path}: {tag} {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_relative_to(folder) or not target.is_file():
                wrong.append(f"{path}: {link} is not there")
            elif parts.fragment and (target not in pages or unquote(parts.fragment) not in pages[target].ids):
                wrong.append(f"{path}: {link} has no such element")
    while queue:
        path = queue.pop()
        if path in reached or path not in pages:
            continue
        reached.add(path)
        queue += [(path.parent / unquote(urlsplit(link).path)).resolve() for _, link in pages[path].links if not urlsplit(link).scheme]
    wrong += [f"{path}: no link leads there" for path in pages if path not in reached]

    said = lambda *words: subprocess.run([binary, *words], check=True, capture_output=True, text=True).stdout
    places = {it: path for path, page in pages.items() for it in page.ids if it.startswith("help-")}
    count = 0
    todo = [([], json.loads(said("--experimental-dump-help"))["command"])]
    while todo:
        words, command = todo.pop()
        below = [it for it in command.get("subcommands", []) if it["shouldDisplay"] and it["commandName"] != "help"]
        todo += [(words + [it["commandName"]], it) for it in below]
        if below:
            continue
        count += 1
        anchor = "-".join(["help", *words])
        if anchor not in places:
            wrong.append(f"edgeferry {' '.join(words)} has no page")
        elif said(*words, "--help") not in "".join(pages[places[anchor]].text):
            wrong.append(f"{places[anchor]}: not the --help of {' '.join(words)}")
    if count < 40:
        wrong.append(f"only {count} commands")
    print("\n".join(wrong) or f"{len(pages)} pages, {count} commands")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
