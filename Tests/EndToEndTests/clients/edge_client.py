"""What TLS and HTTP clients see of the lab's edge: edge_client.py READY-FILE rules|pops.

Environment: the AWS_… variables of account 111111111111. Prints how many checks passed; the first that fails
ends the run.
"""
import http.client
import json
import socket
import ssl
import sys
import time

import boto3

ready = json.load(open(sys.argv[1]))
HOST, PORT = ready["edge"].split(":")
PORT = int(PORT)
passed = 0


def check(what, found, wanted):
    global passed
    if found != wanted:
        sys.exit(f"{what}: {found!r} is not {wanted!r}")
    passed += 1


def client(account):
    keys = ready["accounts"][account]
    return boto3.client(
        "cloudfront", endpoint_url=ready["api"], region_name="us-east-1",
        aws_access_key_id=keys["accessKeyId"], aws_secret_access_key=keys["secretAccessKey"],
    )


def context(check_hostname=True):
    made = ssl.create_default_context(cafile=ready["ca"])
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    made.check_hostname = check_hostname
    return made


class Edge(http.client.HTTPConnection):
    """One connection to the edge: any SNI, any POP's port."""

    def __init__(self, sni, pop=0, check_hostname=True):
        super().__init__(HOST, PORT + pop, timeout=20)
        raw = socket.create_connection((HOST, PORT + pop), timeout=20)
        self.sock = context(check_hostname).wrap_socket(raw, server_hostname=sni)

    def ask(self, host, headers={}, method="GET", path="/"):
        self.request(method, path, headers={"Host": host, **headers})
        answer = self.getresponse()
        answer.text = answer.read()
        answer.by = answer.headers["x-lab-distribution"]
        return answer


def ask(host, sni=None, headers={}, pop=0, **rest):
    edge = Edge(sni or host, pop)
    try:
        return edge.ask(host, headers, **rest)
    finally:
        edge.close()


def names(sni):
    edge = Edge(sni, check_hostname=False)
    names = [name for _, name in edge.sock.getpeercert()["subjectAltName"]]
    edge.close()
    return names


def aliases(api, distribution, change):
    answer = api.get_distribution_config(Id=distribution)
    config = answer["DistributionConfig"]
    items = change(config["Aliases"].get("Items", []))
    config["Aliases"] = {"Quantity": len(items), **({"Items": items} if items else {})}
    if items:
        account = "222222222222" if distribution == "E3SAMPLEOTHER1" else "111111111111"
        config["ViewerCertificate"] = {
            "ACMCertificateArn": f"arn:aws:acm:us-east-1:{account}:certificate/sample",
            "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021",
        }
    api.update_distribution(Id=distribution, IfMatch=answer["ETag"], DistributionConfig=config)


def rules():
    check("an alias", ask("www.example.com").by, "E1SAMPLESITE10")
    check("by header", ask("www.example.com", headers={"x-lab-pop": "5"}).headers["x-lab-pop"], "5")
    check("by port", ask("www.example.com", pop=7).headers["x-lab-pop"], "7")
    check("no such POP", ask("www.example.com", headers={"x-lab-pop": "8"}).status, 400)
    check("its certificate", names("www.example.com"), ["www.example.com"])
    check("no SNI", names(None), ["*.cloudfront.net"])
    check("an unknown SNI", names("nobody.example.net"), ["*.cloudfront.net"])
    check("its own name", ask("d1samplesite10.cloudfront.net").by, "E1SAMPLESITE10")
    check("unknown", ask("nobody.example.net", sni="www.example.com").status, 403)
    check("X-Cache", ask("nobody.example.net", sni="www.example.com").headers["X-Cache"], "Error from cloudfront")
    check("domain fronting", ask("dl.example.org", sni="www.example.com").status, 421)
    check("within one account", ask("docs.example.com", sni="www.example.com").by, "E1SAMPLESITE11")
    check("disabled", ask("legacy.example.com").status, 403)
    check("staging by its own name", ask("d2samplecart02.cloudfront.net").status, 403)

    edge = Edge("www.example.com")
    bodies = [edge.ask("www.example.com", method=method).text for method in ("GET", "HEAD", "GET")]
    check("HEAD on a connection that goes on", [bool(body) for body in bodies], [True, False, True])
    edge.close()

    canary = {"aws-cf-cd-canary": "on"}
    check("without the header", ask("cart02.example.com").by, "E1SAMPLECART02")
    check("with the header", ask("cart02.example.com", headers=canary).by, "E2SAMPLECART02")
    check("another value", ask("cart02.example.com", headers={"aws-cf-cd-canary": "off"}).by, "E1SAMPLECART02")
    check("a disabled policy", {ask("wiki07.example.com").by for _ in range(20)}, {"E1SAMPLEWIKI07"})

    # 5 of 100: not one in 600 has a chance of 4e-14, more than 90 one of 1e-20.
    edge, staged, cookie = Edge("shop01.example.com"), 0, None
    for _ in range(600):
        answer = edge.ask("shop01.example.com")
        if answer.by == "E2SAMPLESHOP01":
            staged += 1
            cookie = answer.headers["Set-Cookie"].split(";")[0]
    check("the weight's share", 0 < staged < 90, True)
    stuck = {edge.ask("shop01.example.com", {"Cookie": cookie}).by for _ in range(50)}
    check("the sticky viewer", stuck, {"E2SAMPLESHOP01"})
    edge.close()

    other = client("222222222222")
    aliases(other, "E3SAMPLEOTHER1", lambda items: items + ["*.example.com"])
    check("the wildcard", ask("new.example.com").by, "E3SAMPLEOTHER1")
    check("the exact name before it", ask("www.example.com").by, "E1SAMPLESITE10")
    check("the disabled exact name before it", ask("legacy.example.com").status, 403)
    check("its certificate is the wildcard's", names("new.example.com"), ["*.example.com", "portal.example.org"])
    check("over accounts", ask("www.example.com", sni="new.example.com").status, 421)
    try:
        ask("a.b.example.com")
        sys.exit("a wildcard certificate covered two labels")
    except ssl.SSLCertVerificationError:
        check("deeper names", Edge("a.b.example.com", check_hostname=False).ask("a.b.example.com").by, "E3SAMPLEOTHER1")
    # Freed on the one side, the name is the wildcard's at once.
    aliases(client("111111111111"), "E1SAMPLESITE10", lambda items: [])
    check("after the exact name is gone", ask("www.example.com").by, "E3SAMPLEOTHER1")


def pops():
    """20 POPs that change over within 60 s: soon after a write some have it and some have not."""
    def answers():
        return [ask("d1samplesite10.cloudfront.net", headers={"Host": "www.example.com", "x-lab-pop": str(pop)}).by for pop in range(20)]

    def by_port(pop):
        return Edge("www.example.com", pop, check_hostname=False).ask("www.example.com").by

    check("before", set(answers()), {"E1SAMPLESITE10"})
    aliases(client("111111111111"), "E1SAMPLESITE10", lambda items: [])
    start = time.monotonic()
    while (seen := answers()) and set(seen) == {"E1SAMPLESITE10"} and time.monotonic() < start + 50:
        time.sleep(0.2)
    check("soon after", set(seen), {"E1SAMPLESITE10", None})
    gone = seen.index(None)
    check("a POP that has heard does not go back", by_port(gone), None)
    # One that had not heard may have by now; not all of them.
    olds = [pop for pop, by in enumerate(seen) if by]
    check("the port is the POP", "E1SAMPLESITE10" in [by_port(pop) for pop in olds], True)


{"rules": rules, "pops": pops}[sys.argv[2]]()
print(f"{passed} checks of the edge passed")
