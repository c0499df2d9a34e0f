"""A resolver's answers over TLS (RFC 7858) and HTTPS (RFC 8484), for the tests: both on free ports of loopback.

    secure_dns.py ADDRESS:PORT CERTIFICATE KEY

Prints the two ports. Everything is asked of the resolver given, over TCP.
"""
import http.server
import socket
import ssl
import struct
import sys
import threading

host, _, port = sys.argv[1].rpartition(":")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])


def read(connection, count):
    out = b""
    while len(out) < count:
        more = connection.recv(count - len(out))
        if not more:
            return None
        out += more
    return out


def message(connection):
    head = read(connection, 2)
    return head and read(connection, struct.unpack("!H", head)[0])


def answer(query):
    with socket.create_connection((host, int(port)), timeout=5) as upstream:
        upstream.sendall(struct.pack("!H", len(query)) + query)
        return message(upstream) or b""


def serve(raw):
    try:
        with context.wrap_socket(raw, server_side=True) as connection:
            while query := message(connection):
                out = answer(query)
                connection.sendall(struct.pack("!H", len(out)) + out)
    except OSError:
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = answer(self.rfile.read(int(self.headers.get("content-length") or 0)))
        self.send_response(200)
        self.send_header("Content-Type", "application/dns-message")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


https = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
https.socket = context.wrap_socket(https.socket, server_side=True)
threading.Thread(target=https.serve_forever, daemon=True).start()
tls = socket.create_server(("127.0.0.1", 0))
print(tls.getsockname()[1], https.server_address[1], flush=True)
while True:
    accepted, _ = tls.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
