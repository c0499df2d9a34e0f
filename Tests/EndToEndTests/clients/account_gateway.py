"""One endpoint for two accounts by assumed roles: STS is moto's, everything else the lab's.

account_gateway.py MOTO READY_FILE

Prints its URL. What a role's session signed is checked by nobody here: the lab gets it signed again, with its own keys
of the account that the role is of.
"""

import http.client
import http.server
import json
import re
import sys
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

moto, ready = sys.argv[1], json.load(open(sys.argv[2]))
lab = ready["api"]
sessions = {}  # access key of a role's session: account


def ask(base, method, path, headers, body):
    link = http.client.HTTPConnection(urllib.parse.urlsplit(base).netloc, timeout=60)
    link.request(method, path, body, headers)
    answer = link.getresponse()
    return answer.status, answer.getheaders(), answer.read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        found = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", self.headers["authorization"])
        key, region, service = found.groups()
        headers = {
            k: v for k, v in self.headers.items() if k.lower() not in ("connection", "content-length")
        }
        if service == "sts":
            status, given, text = ask(moto, self.command, self.path, headers, body)
            role = urllib.parse.parse_qs(body.decode()).get("RoleArn", [""])[0]
            made = re.search(rb"<AccessKeyId>([^<]+)", text)
            if role and made:
                sessions[made.group(1).decode()] = role.split(":")[4]
        else:
            keys = ready["accounts"][sessions[key]]
            own = ("authorization", "host", "x-amz-security-token", "x-amz-date")
            request = AWSRequest(
                self.command, lab + self.path, data=body,
                headers={k: v for k, v in headers.items() if k.lower() not in own},
            )
            SigV4Auth(
                Credentials(keys["accessKeyId"], keys["secretAccessKey"]), service, region
            ).add_auth(request)
            status, given, text = ask(lab, self.command, self.path, dict(request.headers), body)
        self.send_response(status)
        for name, value in given:
            if name.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = serve

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
