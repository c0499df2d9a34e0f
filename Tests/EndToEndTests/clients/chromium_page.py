"""Opens pages in a headless Chromium, over its debugging pipe: chromium_page.py FOLDER PAGE…

Each PAGE is loaded by day and at night, photographed, and printed; the pictures stay in FOLDER. Prints a line of
JSON with what was seen, or {"skipped": why} where there is no Chromium.
"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zlib

browser = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
if browser is None:
    print(json.dumps({"skipped": "no Chromium is installed (apt-get install chromium)"}))
    sys.exit(0)
folder = pathlib.Path(sys.argv[1])
profile = tempfile.mkdtemp(dir=folder)
to_browser, ours = os.pipe()
back, theirs = os.pipe()


def place():
    # The browser reads descriptor 3 and writes 4.
    a, b = os.dup(to_browser), os.dup(theirs)
    os.dup2(a, 3)
    os.dup2(b, 4)


process = subprocess.Popen(
    [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
     "--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={profile}"],
    close_fds=False, preexec_fn=place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL, env={**os.environ, "HOME": profile})
os.close(to_browser)
os.close(theirs)
last, buffer, events = 0, b"", []


def message():
    global buffer
    while b"\0" not in buffer:
        piece = os.read(back, 1 << 20)
        if not piece:
            raise EOFError("Chromium ended")
        buffer += piece
    line, buffer = buffer.split(b"\0", 1)
    return json.loads(line)


def ask(method, session=None, **parameters):
    global last
    last += 1
    out = {"id": last, "method": method, "params": parameters}
    if session:
        out["sessionId"] = session
    data = json.dumps(out).encode() + b"\0"
    while data:
        data = data[os.write(ours, data):]
    while True:
        it = message()
        if it.get("id") == last:
            if "error" in it:
                raise RuntimeError(f"{method}: {it['error']}")
            return it["result"]
        events.append(it)


def until(name):
    while not any(it.get("method") == name for it in events):
        events.append(message())


def rows(png):
    """Distinct rows of the picture's data: an empty page has a few."""
    data, i = b"", 8
    width = int.from_bytes(png[16:20], "big")
    while i < len(png):
        size = int.from_bytes(png[i:i + 4], "big")
        if png[i + 4:i + 8] == b"IDAT":
            data += png[i + 8:i + 8 + size]
        i += 12 + size
    data = zlib.decompress(data)
    step = 1 + width * (4 if png[25] == 6 else 3)
    return len({data[k:k + step] for k in range(0, len(data), step)})


def value(expression):
    return ask("Runtime.evaluate", session, expression=expression, returnByValue=True)["result"]["value"]


pages = []
try:
    target = ask("Target.createTarget", url="about:blank")["targetId"]
    session = ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ["Page", "Network", "Log", "Runtime"]:
        ask(domain + ".enable", session)
    for page in map(pathlib.Path, sys.argv[2:]):
        seen = {"page": page.name, "looks": {}}
        for scheme in ["light", "dark"]:
            ask("Emulation.setEmulatedMedia", session, features=[{"name": "prefers-color-scheme", "value": scheme}])
            ask("Emulation.setDeviceMetricsOverride", session, width=1140, height=1400, deviceScaleFactor=1,
                mobile=False)
            events.clear()
            ask("Page.navigate", session, url=page.resolve().as_uri())
            until("Page.loadEventFired")
            png = base64.b64decode(ask("Page.captureScreenshot", session, captureBeyondViewport=True)["data"])
            (folder / f"{page.stem}-{scheme}.png").write_bytes(png)
            heard = [it for it in events if it["method"] in
                     ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")]
            sent = [it["params"]["request"]["url"] for it in events if it["method"] == "Network.requestWillBeSent"]
            seen["looks"][scheme] = {
                "complaints": [json.dumps(it["params"])[:500] for it in heard],
                "requests": [it for it in sent if it != page.resolve().as_uri()],
                "rows": rows(png),
                "background": value("getComputedStyle(document.body||document.documentElement).backgroundColor"),
            }
        if page.suffix == ".html":
            seen["elements"] = value("[...new Set([...document.querySelectorAll('*')].map(e=>e.localName))].sort().join(' ')")
            seen["attributes"] = value("[...new Set([...document.querySelectorAll('*')].flatMap(e=>e.getAttributeNames()))].sort().join(' ')")
            seen["count"] = value("document.querySelectorAll('*').length")
            seen["unnamedPictures"] = value("[...document.querySelectorAll('svg')].filter(e=>!e.querySelector('title').textContent||!e.querySelector('desc').textContent).length")
            seen["brokenLinks"] = value("[...document.querySelectorAll('a')].filter(e=>!document.querySelector(e.getAttribute('href'))).length")
            ask("Emulation.setDeviceMetricsOverride", session, width=420, height=900, deviceScaleFactor=1, mobile=False)
            seen["widthAt420"] = value("document.documentElement.scrollWidth")
            pdf = base64.b64decode(ask("Page.printToPDF", session, preferCSSPageSize=True, printBackground=True)["data"])
            (folder / f"{page.stem}.pdf").write_bytes(pdf)
            seen["pdf"] = pdf[:5].decode() + str(len(pdf) > 20_000)
        pages.append(seen)
    try:
        ask("Browser.close")
    except EOFError:
        pass
finally:
    process.terminate()
    process.wait()
print(json.dumps({"pages": pages}))
