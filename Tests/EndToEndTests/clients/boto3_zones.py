"""boto3 over every operation of Route 53 that the lab serves; their names are the first argument.

The refusals are also asked of moto where it is right about them: the codes must agree.
"""
import json
import sys

import boto3
import botocore.exceptions
import moto

served = set(sys.argv[1].split(","))
called = set()
checks = 0


def ok(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"not so: {what}")


def client_of(**keys):
    client = boto3.client("route53", **keys)
    client.meta.events.register("before-call.route53", lambda model, **_: called.add(model.name))
    return client


def code(call, **arguments):
    try:
        call(**arguments)
        return None
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]


def plain(action, name, kind, ttl, *values):
    return {"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": v} for v in values]}}


def alias(action, name, kind, target, zone="Z2FDTNDATAQYW2", health=False):
    return {"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind, "AliasTarget": {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": health}}}


def refusals(client):
    """Code by case; the same calls for the lab and for moto."""
    zone = client.create_hosted_zone(Name="refused.example", CallerReference="refused")["HostedZone"]["Id"]

    def change(*changes):
        return code(client.change_resource_record_sets, HostedZoneId=zone, ChangeBatch={"Changes": list(changes)})

    ok(change(plain("CREATE", "a.refused.example", "A", 60, "192.0.2.1")) is None, "a first record")
    return {
        "exists": change(plain("CREATE", "a.refused.example", "A", 60, "192.0.2.1")),
        "outside": change(plain("CREATE", "a.other.example", "A", 60, "192.0.2.1")),
        "too many": change(*[plain("CREATE", f"n{i}.refused.example", "A", 60, "192.0.2.1") for i in range(1001)]),
        "no such zone": code(client.get_hosted_zone, Id="Z0NONE"),
        "no zone to list": code(client.list_resource_record_sets, HostedZoneId="Z0NONE"),
        "not empty": code(client.delete_hosted_zone, Id=zone),
    }


# The lab.
client = client_of()
zones = [client.create_hosted_zone(Name=f"z{i}.example", CallerReference=f"z{i}")["HostedZone"]["Id"] for i in range(3)]
made = client.create_hosted_zone(Name="example.com", CallerReference="com", HostedZoneConfig={"Comment": "a zone"})
zone = made["HostedZone"]["Id"]
ok(made["Location"].endswith(zone.split("/")[-1]), "the location names the zone")
ok(made["HostedZone"]["Config"] == {"Comment": "a zone", "PrivateZone": False}, "its config")
ok(len(made["DelegationSet"]["NameServers"]) == 4, "four name servers")
ok(made["ChangeInfo"]["Status"] == "PENDING", "its change is pending")
ok(client.get_hosted_zone(Id=zone)["DelegationSet"] == made["DelegationSet"], "the same servers when read")
ok(client.get_hosted_zone_count()["HostedZoneCount"] == 4, "the count")
pages = client.get_paginator("list_hosted_zones").paginate(PaginationConfig={"PageSize": 1})
ok({z["Id"] for page in pages for z in page["HostedZones"]} == {*zones, zone}, "all zones in pages of one")
named = client.list_hosted_zones_by_name(DNSName="example.com", MaxItems="1")
ok(named["HostedZones"][0]["Id"] == zone, "found by name")
ok(client.update_hosted_zone_comment(Id=zone, Comment="changed")["HostedZone"]["Config"]["Comment"] == "changed", "the comment")
ok(client.get_dnssec(HostedZoneId=zone)["Status"]["ServeSignature"] == "NOT_SIGNING", "not signed")
resource = {"ResourceType": "hostedzone", "ResourceId": zone.split("/")[-1]}
client.change_tags_for_resource(**resource, AddTags=[{"Key": "team", "Value": "web"}])
ok(client.list_tags_for_resource(**resource)["ResourceTagSet"]["Tags"] == [{"Key": "team", "Value": "web"}], "the tags")

# A distribution to lead to, and names that do.
cloudfront = boto3.client("cloudfront")
distribution = cloudfront.create_distribution(DistributionConfig={
    "CallerReference": "d", "Comment": "", "Enabled": True, "IsIPV6Enabled": True,
    "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "b.s3.us-east-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}]},
    "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"},
})["Distribution"]["DomainName"]
change = client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Comment": "first", "Changes": [
    plain("CREATE", "www.example.com", "CNAME", 300, distribution),
    plain("CREATE", "*.example.com", "TXT", 60, '"one" "two"', '"three"'),
    plain("CREATE", "example.com", "MX", 60, "10 mail.example.com"),
    plain("CREATE", "example.com", "CAA", 60, '0 issue "amazon.com"'),
    plain("CREATE", "_sip._tcp.example.com", "SRV", 60, "1 2 5060 sip.example.com"),
    *[alias("CREATE", "example.com", kind, distribution) for kind in ("A", "AAAA", "HTTPS")],
    alias("CREATE", "same.example.com", "A", "example.com", zone=zone.split("/")[-1]),
]})["ChangeInfo"]
ok((change["Status"], change["Comment"]) == ("PENDING", "first"), "a change begins as PENDING")
client.get_waiter("resource_record_sets_changed").wait(Id=change["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
ok(client.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "INSYNC", "and becomes INSYNC")
pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, PaginationConfig={"PageSize": 2})
sets = [s for page in pages for s in page["ResourceRecordSets"]]
ok(len(sets) == 11 and sets[0]["Name"] == "example.com.", "every set, the apex first")
found = {(s["Name"], s["Type"]): s for s in sets}
ok(found["\\052.example.com.", "TXT"]["ResourceRecords"] == [{"Value": '"one" "two"'}, {"Value": '"three"'}], "values as they were sent")
ok(found["example.com.", "HTTPS"]["AliasTarget"] == {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": distribution + ".", "EvaluateTargetHealth": False}, "alias records")
ok("TTL" not in found["example.com.", "A"], "an alias record has no TTL")
test = client.test_dns_answer(HostedZoneId=zone, RecordName="www.example.com", RecordType="CNAME")
ok((test["ResponseCode"], test["RecordData"]) == ("NOERROR", [distribution + "."]), "TestDNSAnswer")
ok(client.test_dns_answer(HostedZoneId=zone, RecordName="a.b.example.com", RecordType="A")["RecordData"] == [], "TestDNSAnswer of nothing")

# Compare-and-swap by DELETE and CREATE.
swap = {"Changes": [plain("DELETE", "www.example.com", "CNAME", 300, distribution), plain("CREATE", "www.example.com", "CNAME", 60, "new.example.net")]}
client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=swap)
try:
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=swap)
    sys.exit("not refused: a swap whose old value is gone")
except client.exceptions.InvalidChangeBatch as error:
    text = str(error)
    ok("[Tried to delete resource record set [name='www.example.com.', type='CNAME'] but the values provided do not match the current values" in text, text)

ok(code(client.create_hosted_zone, Name="again.example", CallerReference="com") == "HostedZoneAlreadyExists", "a reference twice")
ok(code(client.create_hosted_zone, Name="a..b", CallerReference="x") == "InvalidDomainName", "a name that is none")
ok(code(client.get_change, Id="C0NONE") == "NoSuchChange", "a change that is none")
ok(code(client.change_resource_record_sets, HostedZoneId=zone, ChangeBatch={"Changes": [alias("CREATE", "h.example.com", "A", distribution, health=True)]}) == "InvalidChangeBatch", "health of CloudFront")
private = client.create_hosted_zone(Name="example.com", CallerReference="inside", VPC={"VPCRegion": "eu-west-1", "VPCId": "vpc-1"})
ok(private["HostedZone"]["Config"]["PrivateZone"] and private["VPC"] == {"VPCRegion": "eu-west-1", "VPCId": "vpc-1"}, "a private zone")
ok(client.get_hosted_zone(Id=private["HostedZone"]["Id"])["VPCs"] == [private["VPC"]], "its VPC")
ok(client.delete_hosted_zone(Id=private["HostedZone"]["Id"])["ChangeInfo"]["Status"] == "PENDING", "deleted")

ours = refusals(client)
with moto.mock_aws():
    theirs = refusals(boto3.client("route53", endpoint_url="https://route53.amazonaws.com"))
ok(ours == theirs and None not in ours.values(), f"{json.dumps(ours)} here and {json.dumps(theirs)} at moto")
ok(called == served, f"served and not called: {sorted(served - called)}, called and not served: {sorted(called - served)}")
print(f"{len(called)} operations, {checks} checks")
