#!/usr/bin/env python3
"""A viewer of the lab: asks the resolver for a name and the edge for a page, ten times a second, and counts.

A 421 is asked again over a new connection, as browsers do (RFC 9110 section 15.5.20): the alias changed hands between the
handshake and the request.

Usage: watch.py NAME RESOLVER EDGE-PORT CA-FILE, each address as HOST:PORT. Ends on SIGTERM and prints what it saw.
"""
import collections
import http.client
import random
import signal
import socket
import ssl
import struct
import sys
import time

name, resolver, port, ca = sys.argv[1], sys.argv[2].rsplit(":", 1), int(sys.argv[3]), sys.argv[4]
context = ssl.create_default_context(cafile=ca)
served = collections.Counter()
repeated = 0
failed = []
running = True


def stop(*_):
    global running
    running = False


def skip(reply, at):
    while reply[at]:
        if reply[at] >= 0xC0:
            return at + 2
        at += reply[at] + 1
    return at + 1


def address():
    number = random.randrange(65536)
    question = b"".join(bytes([len(it)]) + it.encode() for it in name.split(".")) + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        it.settimeout(60)
        it.connect((resolver[0], int(resolver[1])))
        it.send(struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + question)
        reply = it.recv(4096)
    seen, _, _, answers = struct.unpack("!HHHH", reply[:8])
    if seen != number:
        raise OSError("another reply")
    at = 12 + len(question)
    for _ in range(answers):
        at = skip(reply, at)
        kind, _, _, length = struct.unpack("!HHIH", reply[at : at + 10])
        if kind == 1:
            return socket.inet_ntoa(reply[at + 10 : at + 14])
        at += 10 + length
    raise OSError("no address")


def page():
    raw = socket.create_connection((address(), port), timeout=60)
    with context.wrap_socket(raw, server_hostname=name) as link:
        link.sendall(f"GET / HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(link)
        answer.begin()
        answer.read()
    return answer


signal.signal(signal.SIGTERM, stop)
began = time.monotonic()
count = 0
while running:
    count += 1
    try:
        answer = page()
        if answer.status == 421:
            repeated += 1
            answer = page()
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        served[answer.getheader("x-lab-distribution") or "?"] += 1
    except OSError as error:
        failed.append((time.monotonic() - began, str(error)))
    time.sleep(max(0.0, began + count * 0.1 - time.monotonic()))

print(f"{count} requests in {time.monotonic() - began:.0f} s, {len(failed)} failed, {repeated} asked again after a 421")
for who, times in served.items():
    print(f"  {times} served by {who}")
for at, why in failed[:5]:
    print(f"  after {at:.1f} s: {why}")
sys.exit(1 if failed else 0)
