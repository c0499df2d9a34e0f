"""Answers every request badly, in the way named by the first argument; prints its port."""
import http.server
import json
import sys
from xml.sax.saxutils import escape

KIND = sys.argv[1]
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(20))
    + "]><DistributionList>&u;</DistributionList>"
).encode()


TEXTS = json.load(open(sys.argv[2])) if len(sys.argv) > 2 else []
asked = 0


def text():
    """The next text of the corpus."""
    global asked
    asked += 1
    return TEXTS[asked % len(TEXTS)]


def refusal():
    said = " ".join(t for t in (text() for _ in range(10)) if len(t) < 60)
    return (
        f"<ErrorResponse><Error><Code>{escape(text())}</Code><Message>{escape(said)}</Message>"
        f"</Error><RequestId>{escape(text())}</RequestId></ErrorResponse>"
    ).encode()


def account(path, body):
    """An account whose lists can be read, and nothing else of it: the status and the body."""
    if b"GetCallerIdentity" in body:
        return 200, (
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111111111111</Account>"
            f"<Arn>{escape(text())}</Arn><UserId>u</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>"
        ).encode()
    if path.split("?")[0].endswith("/distribution"):
        items = "".join(
            f"<DistributionSummary><Id>E{i}</Id><ARN>{escape(t)}</ARN><Status>{escape(t)}</Status>"
            f"<DomainName>{escape(t)}</DomainName><Comment>{escape(t)}</Comment><Enabled>true</Enabled>"
            "<Staging>true</Staging></DistributionSummary>"
            for i, t in enumerate(TEXTS)
        )
        return 200, (
            f"<DistributionList><IsTruncated>false</IsTruncated><Quantity>{len(TEXTS)}</Quantity>"
            f"<Items>{items}</Items></DistributionList>"
        ).encode()
    return 403, refusal()


class Handler(http.server.BaseHTTPRequestHandler):
    # Head and body in one packet.
    wbufsize = -1
    protocol_version = "HTTP/1.1"

    def answer(self):
        sent = self.rfile.read(int(self.headers.get("content-length") or 0))
        if TEXTS:
            status, body = (
                account(self.path, sent) if KIND == "gaps" else (400, refusal())
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
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


class Server(http.server.ThreadingHTTPServer):
    # With the default of 5, many connections at once wait for a lost SYN to be sent again.
    request_queue_size = 256


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
