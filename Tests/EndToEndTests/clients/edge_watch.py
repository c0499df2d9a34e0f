"""Asks the lab's edge for a name again and again until it is told to end: edge_watch.py READY-FILE NAME STOP-FILE.

Prints how often each distribution, or each status that was no success, answered, as JSON.
"""
import http.client
import json
import os
import socket
import ssl
import sys
import time

ready = json.load(open(sys.argv[1]))
name, stop = sys.argv[2:]
host, port = ready["edge"].rsplit(":", 1)
trust = ssl.create_default_context(cafile=ready["ca"])
seen = {}


def ask():
    raw = socket.create_connection((host, int(port)), timeout=60)
    with trust.wrap_socket(raw, server_hostname=name) as channel:
        channel.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(channel)
        answer.begin()
        answer.read()
        return answer.getheader("x-lab-distribution") if answer.status == 200 else str(answer.status)


while not os.path.exists(stop):
    try:
        says = ask()
        # The name changed hands within the connection: a client asks again on a new one (RFC 9110 15.5.20).
        if says == "421":
            says = ask()
    except OSError as error:
        says = type(error).__name__
    seen[says] = seen.get(says, 0) + 1
    time.sleep(0.1)
print(json.dumps(seen))
