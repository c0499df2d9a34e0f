"""STS and IAM as far as a preflight asks them, on a loopback port; moto has no SimulatePrincipalPolicy.

Arguments: a JSON document {arn, path?, allow: [action], deny: [action], role: bool, simulate: bool, page: int}.
Prints its URL when it listens. Decisions follow from the lists alone: `deny` is explicit, what is in neither implicit.
GET /asked answers what was asked.
"""
import json, sys, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

settings = json.loads(sys.argv[1])
asked = []


def refused(action):
    return 403, ("<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User is not authorized to "
                 "perform: iam:%s</Message></Error><RequestId>r</RequestId></ErrorResponse>" % action)


def answer(form):
    action = form["Action"][0]
    if action == "GetCallerIdentity":
        return 200, ("<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><GetCallerIdentityResult>"
                     "<Arn>%s</Arn><UserId>u</UserId><Account>111111111111</Account></GetCallerIdentityResult>"
                     "</GetCallerIdentityResponse>" % settings["arn"])
    if action == "GetRole":
        if not settings.get("role", True):
            return refused(action)
        return 200, ("<GetRoleResponse xmlns='https://iam.amazonaws.com/doc/2010-05-08/'><GetRoleResult><Role><Arn>"
                     "arn:aws:iam::111111111111:role%s%s</Arn></Role></GetRoleResult></GetRoleResponse>"
                     % (settings.get("path", "/"), form["RoleName"][0]))
    if action != "SimulatePrincipalPolicy" or not settings.get("simulate", True):
        return refused(action)
    names = [form[key][0] for key in sorted(form, key=lambda it: (len(it), it)) if key.startswith("ActionNames.member.")]
    asked.append({"arn": form["PolicySourceArn"][0], "actions": names, "resource": form["ResourceArns.member.1"][0]})
    start = int(form.get("Marker", ["0"])[0])
    page = settings.get("page", 100)
    out = ""
    for name in names[start:start + page]:
        decision = ("explicitDeny" if name in settings.get("deny", []) else
                    "allowed" if "*" in settings["allow"] or name in settings["allow"] else "implicitDeny")
        out += ("<member><EvalActionName>%s</EvalActionName><EvalResourceName>%s</EvalResourceName><EvalDecision>%s"
                "</EvalDecision></member>" % (name, form["ResourceArns.member.1"][0], decision))
    more = start + page < len(names)
    return 200, ("<SimulatePrincipalPolicyResponse xmlns='https://iam.amazonaws.com/doc/2010-05-08/'>"
                 "<SimulatePrincipalPolicyResult><IsTruncated>%s</IsTruncated>%s<EvaluationResults>%s</EvaluationResults>"
                 "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
                 % (str(more).lower(), "<Marker>%d</Marker>" % (start + page) if more else "", out))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def send(self, status, body, kind):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.send(200, json.dumps(asked), "application/json")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        status, text = answer(urllib.parse.parse_qs(body))
        self.send(status, text, "text/xml")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("http://127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
