"""The documentation as plain HTML files, without scripts: every Markdown page of the repository, and what it links to.

Usage: site.py PATH-OF-EDGEFERRY FOLDER [REPOSITORY]

The tree is the repository's own with .html for .md and index.html for README.md, so that links keep their shape. Pages
under docs/commands end with the `--help` of their commands, as docs/commands/README.md assigns them. Ends with 1 and a
line for each problem when a link or an anchor leads nowhere, a page is in no group, or a command has no page.
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

GROUPS = [
    ("Start", ["README.md", "docs/installing.md", "docs/tutorials/*.md"]),
    ("Commands", ["docs/commands/README.md", "docs/commands/*.md"]),
    ("Reference", ["docs/*.md"]),
    ("Examples", ["docs/examples/*.md", "runbooks/*.md"]),
    ("Decisions", ["docs/decisions/*.md"]),
    ("Project", ["CHANGELOG.md", "CONTRIBUTING.md"]),
]
STYLE = """
:root { color-scheme: light dark; --ink: #1b2530; --paper: #fff; --line: #d8dee4; --soft: #f4f6f8; --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #dde4ea; --paper: #14191f; --line: #313b45; --soft: #1d242c; --link: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 16px/1.55 system-ui, sans-serif; display: flex; }
a { color: var(--link); }
nav { flex: 0 0 16rem; padding: 1.5rem 1rem; border-right: 1px solid var(--line); font-size: .9rem; height: 100vh; position: sticky; top: 0; overflow-y: auto; }
nav h2 { font-size: .75rem; text-transform: uppercase; letter-spacing: .06em; margin: 1.2rem 0 .3rem; border: 0; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .12rem .4rem; text-decoration: none; border-radius: .25rem; }
nav a[aria-current] { background: var(--soft); font-weight: 600; }
main { flex: 1; min-width: 0; max-width: 62rem; padding: 1.5rem 2rem 4rem; }
h1, h2, h3 { line-height: 1.25; }
h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
pre { background: var(--soft); padding: .8rem 1rem; overflow-x: auto; border-radius: .35rem; line-height: 1.4; }
code { font: .88em ui-monospace, monospace; background: var(--soft); padding: .1em .25em; border-radius: .25em; }
pre code { padding: 0; background: none; }
.table { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
@media (max-width: 55rem) { body { display: block; } nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); } main { padding: 1rem; } }
@media print { nav { display: none; } }
""".lstrip()


def slug(text):
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def place(source):
    """Where a Markdown file's page is, relative to the site."""
    source = Path(source)
    return source.with_name("index.html") if source.name == "README.md" else source.with_suffix(".html")


class Page:
    """One Markdown file: its tokens, title and anchors."""

    def __init__(self, root, source, markdown):
        self.source = source
        self.tokens = markdown.parse((root / source).read_text(encoding="utf-8"))
        self.title = source
        self.anchors = set()
        for token, inline in zip(self.tokens, self.tokens[1:]):
            if token.type != "heading_open":
                continue
            text = "".join(it.content for it in inline.children if it.type in ("text", "code_inline"))
            if token.tag == "h1":
                self.title = text
            anchor, count = slug(text), 0
            while anchor in self.anchors:
                count += 1
                anchor = f"{slug(text)}-{count}"
            self.anchors.add(anchor)
            token.attrSet("id", anchor)


class Site:
    def __init__(self, binary, folder, root):
        self.binary, self.folder, self.root = binary, folder, root
        self.markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        self.markdown.add_render_rule("table_open", lambda *_: '<div class="table"><table>\n')
        self.markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
        self.problems = []
        self.copied = {}
        self.groups, self.pages = [], {}
        for name, patterns in GROUPS:
            found = []
            for pattern in patterns:
                found += [it for it in self.matches(pattern) if it not in self.pages and it not in found]
            for it in found:
                self.pages[it] = Page(root, it, self.markdown)
            if found:
                self.groups.append((name, found))

    def matches(self, pattern):
        return sorted(str(it.relative_to(self.root)) for it in self.root.glob(pattern))

    def said(self, *words):
        return subprocess.run([self.binary, *words], check=True, capture_output=True, text=True).stdout

    # Commands and their pages.

    def leaves(self):
        """The words of every command that does something."""

        def walk(words, command):
            below = [it for it in command.get("subcommands", []) if it["shouldDisplay"] and it["commandName"] != "help"]
            if not below:
                yield words
            for it in below:
                yield from walk(words + [it["commandName"]], it)

        yield from walk([], json.loads(self.said("--experimental-dump-help"))["command"])

    def assigned(self):
        """Page: its commands, by the table of docs/commands/README.md.

        `orphans discover`, `plan` stands for two verbs of a group; `show`, `apply` for two commands."""
        out = {}
        index = "docs/commands/README.md"
        for line in (self.root / index).read_text(encoding="utf-8").splitlines():
            cells = [it.strip() for it in line.strip().strip("|").split("|")]
            link = re.match(r"\[[^\]]*\]\(([^)#]+\.md)\)", cells[0])
            if len(cells) < 2 or not link:
                continue
            group = []
            for word in re.findall(r"`([^`]+)`", cells[1]):
                if "NAME" in word:
                    continue
                words = word.split()
                if len(words) > 1:
                    group = words[:-1]
                elif group:
                    words = group + words
                out.setdefault(os.path.normpath(os.path.join("docs/commands", link[1])), []).append(words)
        leaves = list(self.leaves())
        named = [words for commands in out.values() for words in commands]
        self.problems += [f"{index}: no page for `{' '.join(it)}`" for it in leaves if it not in named]
        self.problems += [f"{index}: `{' '.join(it)}` is no command" for it in named if it not in leaves]
        for it in list(out):
            out[it] = [words for words in out[it] if words in leaves]
        return out

    def help(self, commands):
        parts = ['<h2 id="--help">--help</h2>']
        for words in commands:
            text = self.said(*words, "--help")
            parts.append(f'<h3 id="{"-".join(["help", *words])}">edgeferry {html.escape(" ".join(words))}</h3>')
            parts.append(f"<pre><code>{html.escape(text)}</code></pre>")
        return "\n".join(parts)

    # Links.

    def link(self, page, href):
        """A link of a page as it stands in the site; what leads nowhere is a problem."""
        parts = urlsplit(href)
        if parts.scheme or parts.netloc:
            return href
        target = page.source
        if parts.path:
            target = os.path.normpath(os.path.join(os.path.dirname(page.source), unquote(parts.path)))
            if target.startswith("..") or not (self.root / target).exists():
                self.problems.append(f"{page.source}: {href} is not there")
                return href
            if (self.root / target).is_dir():
                readme = os.path.join(target, "README.md")
                target = readme if readme in self.pages else target
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        if target in self.pages:
            if parts.fragment and parts.fragment not in self.pages[target].anchors:
                self.problems.append(f"{page.source}: {href} has no such heading")
            to = place(target)
        elif target.endswith(".md"):
            self.problems.append(f"{page.source}: {href} is a page of no group")
            return href
        elif (self.root / target).is_dir():
            to = Path(target) / "index.html"
            self.copied[target] = to
        else:
            to = Path(target)
            self.copied[target] = to
        return os.path.relpath(to, place(page.source).parent) + fragment

    # Pages.

    def navigation(self, to, at):
        """Links from the file `to`; `at` is the source that is current."""
        parts = []
        for name, sources in self.groups:
            parts.append(f"<h2>{html.escape(name)}</h2><ul>")
            for it in sources:
                current = ' aria-current="page"' if it == at else ""
                href = os.path.relpath(place(it), Path(to).parent)
                title = "Overview" if it == "docs/commands/README.md" else self.pages[it].title.removeprefix("edgeferry ")
                parts.append(f'<li><a href="{html.escape(href)}"{current}>{html.escape(title)}</a></li>')
            parts.append("</ul>")
        return "".join(parts)

    def write(self, to, title, body, at):
        style = os.path.relpath("style.css", Path(to).parent)
        out = self.folder / to
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(
            f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'">
<title>{html.escape(title)}</title>
<link rel="stylesheet" href="{style}">
</head>
<body>
<nav aria-label="Pages">{self.navigation(to, at)}</nav>
<main>
{body}
</main>
</body>
</html>
""",
            encoding="utf-8",
        )

    def build(self):
        commands = self.assigned()
        for source, page in self.pages.items():
            for token in page.tokens:
                for it in token.children or []:
                    if it.type == "link_open":
                        it.attrSet("href", self.link(page, it.attrGet("href")))
            body = self.markdown.renderer.render(page.tokens, self.markdown.options, {})
            if commands.get(source):
                body += self.help(commands[source])
            title = page.title if page.title.startswith("edgeferry") else f"{page.title} · edgeferry"
            self.write(place(source), title, body, source)
        for source, to in sorted(self.copied.items()):
            if (self.root / source).is_dir():
                self.listing(source, to)
            else:
                (self.folder / to).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.root / source, self.folder / to)
        (self.folder / "style.css").write_text(STYLE, encoding="utf-8")
        for source in self.matches("docs/**/*.md"):
            if source not in self.pages:
                self.problems.append(f"{source}: is in no group of the site")

    def listing(self, source, to):
        """A folder that has no page of its own: its files."""
        (self.folder / source).mkdir(parents=True, exist_ok=True)
        rows = []
        for it in sorted((self.root / source).iterdir()):
            name = str(it.relative_to(self.root))
            if it.is_dir() or it.name.startswith("."):
                continue
            if name in self.pages:
                rows.append((place(name).name, self.pages[name].title))
            else:
                shutil.copyfile(it, self.folder / source / it.name)
                rows.append((it.name, it.name))
        items = "".join(f'<li><a href="{html.escape(href)}">{html.escape(title)}</a></li>' for href, title in rows)
        self.write(to, f"{source} · edgeferry", f"<h1>{html.escape(source)}</h1><ul>{items}</ul>", source)


def main():
    binary, folder = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    root = Path(sys.argv[3] if len(sys.argv) > 3 else Path(__file__).resolve().parent.parent)
    if folder.exists() and any(folder.iterdir()) and not (folder / "style.css").exists():
        sys.exit(f"docs: {folder} holds something else than a site: remove it, or choose another folder")
    site = Site(binary, folder, root)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    site.build()
    for it in site.problems:
        print(f"docs: {it}", file=sys.stderr)
    if site.problems:
        sys.exit(1)
    print(f"docs: {len(site.pages)} pages in {folder}")


if __name__ == "__main__":
    main()
