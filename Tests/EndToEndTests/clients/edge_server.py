"""Edges that show certificates of every kind, each on a port of its own.

Prints one line of JSON: the CA file and the ports by kind. Ends when whoever started it does.
"""

import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings

HOST = "www.example.test"
warnings.simplefilter("ignore")
folder = tempfile.mkdtemp(prefix="edgeferry-tls-")


def path(name):
    return os.path.join(folder, name)


def openssl(*arguments, text=None):
    subprocess.run(
        ["openssl", *arguments], check=True, capture_output=True, input=text, cwd=folder, text=True
    )


def key(name):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")


def authority(name, by=None):
    key(name)
    extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
    sign(name, f"/CN={name}", by or name, extensions, days=30)


def leaf(name, names, by, days=30):
    key(name)
    if names:
        alternatives = ",".join(f"DNS:{it}" for it in names)
        extensions = f"subjectAltName={alternatives}\n"
    else:
        extensions = ""
    sign(name, f"/CN={HOST}", by, extensions + "basicConstraints=CA:FALSE\n", days)


def sign(name, subject, by, extensions, days):
    openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr")
    with open(path(f"{name}.ext"), "w") as file:
        file.write(extensions)
    signer = (
        ["-signkey", f"{name}.key"]
        if by == name
        else ["-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial"]
    )
    openssl(
        "x509", "-req", "-in", f"{name}.csr", "-days", str(days), "-extfile", f"{name}.ext",
        "-out", f"{name}.pem", *signer,
    )  # fmt: skip


def answer(request):
    line = request.split(b"\r\n", 1)[0].decode("latin-1")
    host = ""
    for header in request.split(b"\r\n")[1:]:
        if header.lower().startswith(b"host:"):
            host = header.split(b":", 1)[1].strip().decode("latin-1")
    target = line.split(" ")[1]
    extra = f"X-Saw: {line}|{host}\r\n".encode("latin-1")
    if target == "/redirect":
        return b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    if target == "/hostile":
        extra += b"X-Marker: \x1b]0;owned\x07\x1b[2J\xe2\x80\xaeE1\r\n"
    elif target == "/long":
        extra += b"X-Marker: " + b"x" * 50000 + b"\r\n"
    else:
        extra += b"X-Marker: E1\r\nX-Amz-Cf-Pop: LAB\r\n"
    if target == "/silent":
        time.sleep(60)
    body = b"x" * (8 << 20) if target == "/big" else b"ok"
    # Headers that ask a browser for credentials or to keep some: neither may be answered.
    extra += b"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nConnection: close\r\n"
    status = b"401 Unauthorized" if target == "/basic" else b"200 OK"
    return (
        b"HTTP/1.1 " + status + b"\r\n" + extra
        + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    )  # fmt: skip


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def speak_h2(connection):
    """The least of HTTP/2: settings, one answer of a status and a marker."""
    data = b""
    while len(data) < 24:
        data += connection.recv(4096)
    data = data[24:]
    connection.sendall(frame(4, 0, 0))
    while True:
        while len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], "big"):
            more = connection.recv(4096)
            if not more:
                return
            data += more
        size, kind, flags = int.from_bytes(data[:3], "big"), data[3], data[4]
        stream = int.from_bytes(data[5:9], "big")
        data = data[9 + size :]
        if kind == 4 and not flags & 1:
            connection.sendall(frame(4, 1, 0))
        if kind == 1:
            # RFC 7541: 0x88 is :status 200; then a literal header with a new name.
            block = b"\x88\x00\x08x-marker\x02E1"
            connection.sendall(frame(1, 4, stream, block) + frame(0, 1, stream, b"ok"))


def serve(listener, context):
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=talk, args=(raw, context), daemon=True).start()


def talk(raw, context):
    try:
        raw.settimeout(70)
        with context.wrap_socket(raw, server_side=True) as connection:
            if connection.selected_alpn_protocol() == "h2":
                return speak_h2(connection)
            request = b""
            while b"\r\n\r\n" not in request:
                more = connection.recv(65536)
                if not more:
                    return
                request += more
            connection.sendall(answer(request))
    except (OSError, ssl.SSLError):
        pass


def listen(name, chain=(), alpn=(), oldest=None):
    with open(path(f"{name}.chain"), "w") as file:
        for it in (name, *chain):
            with open(path(f"{it}.pem")) as part:
                file.write(part.read())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path(f"{name}.chain"), path(f"{name}.key"))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if oldest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = oldest
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=serve, args=(listener, context), daemon=True).start()
    return listener.getsockname()[1]


authority("root")
authority("stranger")
authority("middle", by="root")
leaf("good", [HOST, "*.wild.example.test"], "middle")
leaf("elsewhere", ["other.example.test"], "middle")
leaf("nameless", [], "middle")
leaf("expired", [HOST], "middle", days=-1)
leaf("foreign", [HOST], "stranger")
leaf("own", [HOST], "own")
ports = {
    "good": listen("good", ["middle"]),
    "h2": listen("good", ["middle"], alpn=["h2", "http/1.1"]),
    "old": listen("good", ["middle"], oldest=ssl.TLSVersion.TLSv1_1),
    "incomplete": listen("good"),
    "elsewhere": listen("elsewhere", ["middle"]),
    "nameless": listen("nameless", ["middle"]),
    "expired": listen("expired", ["middle"]),
    "foreign": listen("foreign", ["stranger"]),
    "own": listen("own"),
}
with open(path("empty.pem"), "w") as file:
    file.write("no certificate\n")
parent = os.getppid()
print(json.dumps({"ca": path("root.pem"), "empty": path("empty.pem"), "ports": ports}), flush=True)
while os.getppid() == parent and os.getppid() != 1:
    time.sleep(0.5)
subprocess.run(["rm", "-rf", folder])
sys.exit(0)
