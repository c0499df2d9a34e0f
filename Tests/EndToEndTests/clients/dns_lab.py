"""dnspython asks the lab's four name servers and its resolver, while boto3 changes what they answer.

The ready file is the argument. A change takes three seconds here: each server turns at its own time.
"""
import json
import sys
import time

import boto3
import dns.flags
import dns.message
import dns.query
import dns.rcode

ready = json.load(open(sys.argv[1]))
client = boto3.client("route53")
checks = 0


def ok(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"not so: {what}")


def ask(where, name, kind, recursive=False, tcp=False, payload=1232):
    host, port = where.split(":")
    query = dns.message.make_query(name, kind, use_edns=0 if payload else -1, payload=payload or 512)
    if not recursive:
        query.flags &= ~dns.flags.RD
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, host, port=int(port), timeout=5)


def data(answer):
    return [r.to_text() for rrset in answer.answer for r in rrset]


servers = ready["nameservers"]
ok(len(servers) == 4 and servers[0] == ready["dns"], "four servers, the first is dns")
zone = client.create_hosted_zone(Name="example.com", CallerReference="z")["HostedZone"]["Id"]


def change(*changes):
    sets = [{"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": v} for v in values]}} for action, name, kind, ttl, *values in changes]
    return client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": sets})["ChangeInfo"]["Id"]


def settle(change_id):
    client.get_waiter("resource_record_sets_changed").wait(Id=change_id, WaiterConfig={"Delay": 0.2, "MaxAttempts": 100})


settle(change(
    ("CREATE", "www.example.com", "CNAME", 1, "old.example.com"), ("CREATE", "old.example.com", "A", 60, "192.0.2.1"),
    ("CREATE", "new.example.com", "A", 60, "192.0.2.2"), ("CREATE", "many.example.com", "TXT", 60, *[f'"{i} {"x" * 200}"' for i in range(20)]),
))
for server in servers:
    old = ask(server, "www.example.com", "A")
    ok(old.flags & dns.flags.AA and data(old) == ["old.example.com.", "192.0.2.1"], f"{server} has the old chain")

# Each server turns once, not all at one time; INSYNC is not said before the last one has.
began = change(("UPSERT", "www.example.com", "CNAME", 1, "new.example.com"))
rounds, in_sync = [], False
while not in_sync:
    in_sync = client.get_change(Id=began)["ChangeInfo"]["Status"] == "INSYNC"
    rounds.append([data(ask(server, "www.example.com", "CNAME"))[0] == "new.example.com." for server in servers])
ok(all(rounds[-1]), "all are new at INSYNC")
ok(all(later or not sooner for a, b in zip(rounds, rounds[1:]) for sooner, later in zip(a, b)), "none turns back")
ok(len({sum(r) for r in rounds}) >= 4, f"they turn one by one: {[sum(r) for r in rounds]}")

absent = ask(servers[2], "no.example.com", "A")
ok(absent.rcode() == dns.rcode.NXDOMAIN and absent.authority[0].ttl == 900, "NXDOMAIN with the SOA")
ok(not ask(servers[2], "new.example.com", "AAAA").answer, "NODATA")
ok(ask(servers[0], "www.example.net", "A").rcode() == dns.rcode.REFUSED, "REFUSED for others")
ok(ask(servers[0], "example.com", "AXFR", tcp=True).rcode() == dns.rcode.REFUSED, "no transfers")

# What does not fit a datagram is cut and comes whole over TCP.
for payload in (None, 1232):
    cut = ask(servers[1], "many.example.com", "TXT", payload=payload)
    ok(cut.flags & dns.flags.TC and not cut.answer, f"cut at {payload}")
ok(len(data(ask(servers[1], "many.example.com", "TXT", payload=8192))) == 20, "whole where the client takes it")
ok(len(data(ask(servers[1], "many.example.com", "TXT", tcp=True))) == 20, "whole over TCP")

# From the root to the servers, by this DNS alone.
names = data(ask(ready["dns"], "example.com", "NS", recursive=True))
found = [data(ask(ready["dns"], name, "A", recursive=True)) for name in names]
ok(sorted(found) == [[s.split(":")[0]] for s in servers], f"{names} lead to the servers")
whole = ask(ready["dns"], "www.example.com", "A", recursive=True)
ok(whole.flags & dns.flags.RA and data(whole) == ["new.example.com.", "192.0.2.2"], "the whole chain with RA")

# The resolver keeps what it has.
ok(data(ask(ready["resolver"], "new.example.com", "A", recursive=True)) == ["192.0.2.2"], "through the cache")
settle(change(("UPSERT", "new.example.com", "A", 60, "192.0.2.3")))
kept = ask(ready["resolver"], "new.example.com", "A", recursive=True)
ok(data(kept) == ["192.0.2.2"] and kept.answer[0].ttl < 60, "it keeps the old address, and its TTL falls")
ok(data(ask(servers[3], "new.example.com", "A")) == ["192.0.2.3"], "while the servers have the new one")
ok(ask(ready["resolver"], "new.example.com", "A").rcode() == dns.rcode.REFUSED, "it does not tell what it keeps")
print(f"{checks} checks of DNS passed")
