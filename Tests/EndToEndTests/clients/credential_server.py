"""STS, the SSO portal, SSO OIDC, the sign-in service, a container's agent and the instance metadata service in one.

Every access key it hands out has a description of how it was come by. GetCallerIdentity records the description
of the key that signed it and answers 403, so that a client's identity is one request."""
import http.server
import json
import threading
import time
import urllib.parse

ROLE = """<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result><Credentials>
<AccessKeyId>{1}</AccessKeyId><SecretAccessKey>secret-{1}</SecretAccessKey><SessionToken>token-{1}</SessionToken>
<Expiration>{2}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>A:x</AssumedRoleId><Arn>{3}</Arn>
</AssumedRoleUser></{0}Result></{0}Response>"""
IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>{}</Arn><UserId>A</UserId><Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""
REFUSED = """<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>no</Message></Error></ErrorResponse>"""


def after(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.lock = threading.Lock()
        self.reset()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def reset(self):
        self.keys = {}  # access key -> how it was come by
        self.seen = []  # descriptions of the keys that asked GetCallerIdentity
        self.paths = []
        self.modes = {}
        self.count = 0

    def made(self, description):
        with self.lock:
            self.count += 1
            key = f"ASIAFAKE{self.count:08d}"
            self.keys[key] = description
            return key

    def described(self, key):
        return self.keys.get(key, key)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def signer(self):
        text = self.headers.get("authorization", "")
        if "Credential=" not in text:
            return None
        key = text.split("Credential=")[1].split("/")[0]
        known = self.server.keys.get(key)
        # A key of ours counts only with its own session token.
        if known and self.headers.get("x-amz-security-token") != f"token-{key}":
            return f"WRONG-TOKEN({known})"
        return known or key

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def do_GET(self):
        self.body()
        url = urllib.parse.urlparse(self.path)
        query = {k: v[0] for k, v in urllib.parse.parse_qs(url.query).items()}
        self.server.paths.append(f"{self.command} {url.path}")
        modes = self.server.modes
        if url.path == "/federation/credentials":
            token = self.headers.get("x-amz-sso_bearer_token")
            if token in modes.get("sso-unauthorized", ()):
                return self.answer(401, '{"message":"no"}', x_amzn_errortype="UnauthorizedException")
            key = self.server.made(f"sso({query['account_id']},{query['role_name']},{token})")
            return self.answer(200, json.dumps({"roleCredentials": {
                "accessKeyId": key, "secretAccessKey": f"secret-{key}", "sessionToken": f"token-{key}",
                "expiration": int((time.time() + 3600) * 1000)}}))
        if url.path.startswith("/container"):
            if modes.get("container-fails", 0) > 0:
                modes["container-fails"] -= 1
                return self.answer(500, "busy")
            key = self.server.made(f"container({url.path},{self.headers.get('authorization')})")
            return self.answer(200, self.agent(key))
        if url.path.startswith("/latest/meta-data/iam/security-credentials/"):
            version = "v2" if self.headers.get("x-aws-ec2-metadata-token") == "imds-token" else "v1"
            if version == "v1" and not modes.get("imds-v1"):
                return self.answer(401, "")
            role = url.path.rsplit("/", 1)[1]
            if not role:
                return self.answer(200, "imds-role")
            if modes.get("imds-empty"):
                return self.answer(200, '{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}')
            key = self.server.made(f"imds({version},{role})")
            return self.answer(200, self.agent(key))
        self.answer(404, "")

    def agent(self, key):
        return json.dumps({"Code": "Success", "AccessKeyId": key, "SecretAccessKey": f"secret-{key}",
                           "Token": f"token-{key}", "Expiration": after(3600)})

    def do_PUT(self):
        self.body()
        self.server.paths.append(f"PUT {self.path}")
        if self.path == "/latest/api/token" and self.headers.get("x-aws-ec2-metadata-token-ttl-seconds") == "21600":
            if self.server.modes.get("imds-v1"):
                return self.answer(404, "")
            return self.answer(200, "imds-token")
        self.answer(400, "")

    def do_POST(self):
        body = self.body()
        if self.path == "/token":
            form = json.loads(body)
            self.server.paths.append(f"POST /token {form['grantType']}")
            if self.server.modes.get("oidc-refuses"):
                return self.answer(400, '{"error":"invalid_grant"}', x_amzn_errortype="InvalidGrantException")
            return self.answer(200, json.dumps({
                "accessToken": f"fresh-of-{form['refreshToken']}-{form['clientId']}-{form['clientSecret']}",
                "expiresIn": 3600, "refreshToken": "next-refresh", "tokenType": "Bearer"}))
        if self.path == "/v1/token":
            form = json.loads(body)
            self.server.paths.append(f"POST /v1/token {form['grantType']} {form['clientId']} {form['refreshToken']}")
            self.server.dpop = self.headers.get("dpop")
            key = self.server.made(f"login({form['clientId']})")
            return self.answer(200, json.dumps({
                "accessToken": {"accessKeyId": key, "secretAccessKey": f"secret-{key}", "sessionToken": f"token-{key}"},
                "tokenType": "aws_sigv4", "expiresIn": 900, "refreshToken": "next-login-refresh"}))
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body.decode()).items()}
        action = form.get("Action", "")
        self.server.paths.append(f"POST {action}")
        if action == "GetCallerIdentity":
            signer = self.signer()
            self.server.seen.append(signer)
            if signer in self.server.modes.get("expired", ()):
                return self.answer(403, REFUSED.format("ExpiredToken"))
            if self.server.modes.get("identity"):
                return self.answer(200, IDENTITY.format(f"arn:aws:iam::111111111111:user/{signer}"))
            return self.answer(403, REFUSED.format("AccessDenied"))
        role = form.get("RoleArn", "")
        session = form.get("RoleSessionName", "")
        if session.startswith("botocore-session-") or session == "edgeferry":
            session = "default"
        parts = [role.rsplit("/", 1)[-1], session]
        if action == "AssumeRole":
            for name in ("ExternalId", "DurationSeconds", "SerialNumber", "TokenCode"):
                if form.get(name):
                    parts.append(f"{name}={form[name]}")
            description = f"role({','.join(parts)})<-{self.signer()}"
        elif action == "AssumeRoleWithWebIdentity":
            signed = " SIGNED" if self.headers.get("authorization") else ""
            description = f"web({','.join(parts)},{form.get('WebIdentityToken')}){signed}"
        else:
            return self.answer(400, REFUSED.format("InvalidAction"))
        if role.endswith("/denied"):
            return self.answer(403, REFUSED.format("AccessDenied"))
        key = self.server.made(description)
        arn = f"arn:aws:sts::{role.split(':')[4] if role.count(':') >= 5 else ''}:assumed-role/{parts[0]}/{parts[1]}"
        self.answer(200, ROLE.format(action, key, after(3600), arn), content_type="text/xml")
