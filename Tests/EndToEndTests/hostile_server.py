"""Answers every request badly, in the way named by the first argument; prints its port."""
import http.server
import sys

KIND = sys.argv[1]
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(20))
    + "]><DistributionList>&u;</DistributionList>"
).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if KIND == "huge":
            self.send_response(200)
            self.send_header("Content-Length", str(100 << 20))
            self.end_headers()
            try:
                for _ in range(100):
                    self.wfile.write(b"x" * (1 << 20))
            except OSError:
                pass
            self.close_connection = True
            return
        # As SignatureDoesNotMatch does: all that was signed comes back.
        said = "\n".join([self.path] + [f"{k}:{v}" for k, v in self.headers.items()])
        body = {
            "echo": f"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{said.replace('&', '&amp;').replace('<', '&lt;')}</Message></Error></ErrorResponse>".encode(),
            "bomb": BOMB,
            "garbage": bytes(range(256)) * 8,
            "deep": b"<a>" * 200000,
            "truncated": b"<DistributionList><Items><DistributionSummary>",
            "redirect": b"",
            "escapes": b"<ErrorResponse><Error><Code>Odd</Code><Message>\x1b[2J\x1b]0;owned\x07 \xe2\x80\xae</Message></Error></ErrorResponse>".replace(b"\x1b", b"&#27;").replace(b"\x07", b"&#7;"),
        }[KIND]
        self.send_response({"redirect": 302, "escapes": 400, "echo": 403}.get(KIND, 200))
        if KIND == "redirect":
            self.send_header("Location", "http://127.0.0.1:1/stolen")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
