"""A bucket with S3's conditional writes, for races that moto's server does not decide as one moment.

GetObject, PutObject (If-None-Match: *, If-Match) and ListObjectsV2, path-style, for one bucket. Each write is
checked and made under one lock. Faults: --conflict, --slow and --lose are percentages of writes that are answered
409 ConditionalRequestConflict or 503 SlowDown without effect, or take effect and get no answer. After SIGUSR1 it takes
--away writes and then answers nothing any more, until the next one; each time six writes more.
Prints its URL. Usage: s3_server.py BUCKET [--conflict N] [--slow N] [--lose N] [--seed N] [--away N]
Source: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".
"""

import argparse
import hashlib
import random
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

arguments = argparse.ArgumentParser()
arguments.add_argument("bucket")
for name in ("conflict", "slow", "lose", "seed", "away"):
    arguments.add_argument("--" + name, type=int, default=0)
options = arguments.parse_args()

lock = threading.Lock()
objects = {}
chance = random.Random(options.seed)
stay = {"limit": options.away, "left": float("inf")}


def come_back(*_):
    stay["left"] = stay["limit"]
    stay["limit"] += 6


signal.signal(signal.SIGUSR1, come_back)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", etag=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(body)

    def is_away(self):
        if stay["left"] > 0:
            return False
        self.close_connection = True
        return True

    def refuse(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def place(self):
        """The key, or None when the request was answered."""
        parts = urlsplit(self.path).path.lstrip("/").split("/", 1)
        if unquote(parts[0]) != options.bucket:
            self.refuse(404, "NoSuchBucket")
            return None
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            self.refuse(403, "AccessDenied")
            return None
        return unquote(parts[1]) if len(parts) > 1 else ""

    def do_GET(self):
        if self.is_away():
            return
        key = self.place()
        if key is None:
            return
        if not key:
            return self.list()
        with lock:
            found = objects.get(key)
        if found is None:
            return self.refuse(404, "NoSuchKey")
        self.answer(200, found[0], found[1])

    def list(self):
        query = parse_qs(urlsplit(self.path).query)
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", [""])[0]
        with lock:
            keys = sorted(key for key in objects if key.startswith(prefix) and key > after)
        page, rest = keys[:7], keys[7:]
        body = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in page)
        body += f"<IsTruncated>{'true' if rest else 'false'}</IsTruncated>"
        if rest:
            body += f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
        self.answer(200, f"<ListBucketResult>{body}</ListBucketResult>".encode())

    def do_PUT(self):
        key = self.place()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if key is None or self.is_away():
            return
        if self.headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
            return self.refuse(400, "XAmzContentSHA256Mismatch")
        with lock:
            draw = chance.randrange(100)
            if draw < options.conflict:
                return self.refuse(409, "ConditionalRequestConflict")
            draw -= options.conflict
            if draw < options.slow:
                return self.refuse(503, "SlowDown")
            draw -= options.slow
            found = objects.get(key)
            wanted = self.headers.get("If-Match")
            if wanted is not None and found is None:
                return self.refuse(404, "NoSuchKey")
            if wanted is not None and found[1] != wanted:
                return self.refuse(412, "PreconditionFailed")
            if self.headers.get("If-None-Match") == "*" and found is not None:
                return self.refuse(412, "PreconditionFailed")
            etag = '"' + hashlib.md5(body).hexdigest() + '"'
            objects[key] = (body, etag)
            stay["left"] -= 1
        if draw < options.lose:
            self.close_connection = True
            return
        self.answer(200, etag=etag)


class Server(ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
