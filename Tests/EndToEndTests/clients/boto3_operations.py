"""boto3 over every operation of CloudFront that the lab serves; their names are the first argument.

The lab has two accounts and a short propagation; its variables are in the environment, the access key
of the second account in SECOND_ID and SECOND_SECRET.
"""
import os
import sys

import boto3
import botocore.exceptions
import botocore.session

served = set(sys.argv[1].split(","))
called = set()
checks = 0


def client_of(**keys):
    client = boto3.Session(**keys).client("cloudfront")
    client.meta.events.register("before-call.cloudfront", lambda model, **_: called.add(model.name))
    return client


client = client_of()
second = client_of(aws_access_key_id=os.environ["SECOND_ID"], aws_secret_access_key=os.environ["SECOND_SECRET"])


def ok(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"not so: {what}")


def refused(code, status, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        found = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        ok(found == (code, status), f"{call.__name__}: {found}, not {(code, status)}")
        declared = {s.error_code for s in client.meta.service_model.operation_model(error.operation_name).error_shapes}
        # The model leaves AccessDenied and the validation of the document out of some lists.
        ok(code in declared | {"AccessDenied", "MalformedXML", "InvalidArgument"}, f"{error.operation_name} declares {code}")
        return
    sys.exit(f"not refused with {code}: {call.__name__}")


CERTIFICATE = {"ACMCertificateArn": "arn:aws:acm:us-east-1:111111111111:certificate/www", "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
MANAGED = "658327ea-f89d-4fab-a63d-7e88639e58f6"


def aliases(*names):
    return {"Quantity": len(names), "Items": list(names)} if names else {"Quantity": 0}


def config(reference, behaviour=None, origin=None, **extra):
    return {
        "CallerReference": reference,
        "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "b.s3.us-east-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}, **(origin or {})}]},
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "CachePolicyId": MANAGED, **(behaviour or {})},
        "Comment": "operations",
        "Enabled": True,
        **extra,
    }


def create(reference, using=client, **arguments):
    return using.create_distribution(DistributionConfig=config(reference, **arguments))["Distribution"]


def etag(i, using=client):
    return using.get_distribution_config(Id=i)["ETag"]


def put(i, using=client, **changes):
    answer = using.get_distribution_config(Id=i)
    answer["DistributionConfig"].update(changes)
    return using.update_distribution(Id=i, IfMatch=answer["ETag"], DistributionConfig=answer["DistributionConfig"])


# The kinds that are created, read, changed, listed and deleted alike.
EVERY = {"Quantity": 1, "Items": ["x"]}
KINDS = {
    "origin_access_control": {"Name": "oac", "Description": "d", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"},
    "cloud_front_origin_access_identity": {"CallerReference": "oai", "Comment": "c"},
    "cache_policy": {
        "Name": "cp", "Comment": "c", "MinTTL": 1, "DefaultTTL": 2, "MaxTTL": 3,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": True, "EnableAcceptEncodingBrotli": False,
            "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": EVERY},
            "CookiesConfig": {"CookieBehavior": "none"}, "QueryStringsConfig": {"QueryStringBehavior": "all"},
        },
    },
    "origin_request_policy": {
        "Name": "orp", "HeadersConfig": {"HeaderBehavior": "none"},
        "CookiesConfig": {"CookieBehavior": "whitelist", "Cookies": EVERY}, "QueryStringsConfig": {"QueryStringBehavior": "none"},
    },
    "response_headers_policy": {
        "Name": "rhp", "ServerTimingHeadersConfig": {"Enabled": True, "SamplingRate": 12.5},
        "CustomHeadersConfig": {"Quantity": 1, "Items": [{"Header": "x-a", "Value": "b", "Override": True}]},
    },
    "public_key": {"CallerReference": "pk", "Name": "pk", "EncodedKey": "-----BEGIN PUBLIC KEY-----\nMA\n-----END PUBLIC KEY-----\n", "Comment": "c"},
    "key_group": {"Name": "kg", "Items": []},
}
PLURALS = {"cloud_front_origin_access_identity": "cloud_front_origin_access_identities"}
MISSING = {"key_group": "NoSuchResource"}
IN_USE = {"key_group": "ResourceInUse"}
made = {}


def name_of(kind):
    return "".join(word.capitalize() for word in kind.split("_"))


def plural(kind):
    return PLURALS.get(kind, kind[:-1] + "ies" if kind.endswith("policy") else kind + "s")


def call(verb, kind, **arguments):
    words = {"config": f"get_{kind}_config", "list": f"list_{plural(kind)}"}.get(verb, f"{verb}_{kind}")
    return getattr(client, words)(**arguments)


def listed(kind, **arguments):
    answer = call("list", kind, **arguments)
    return answer[f"{name_of(kind)}List"]


def version(kind):
    return call("get", kind, Id=made[kind])["ETag"]


for kind, body in KINDS.items():
    name = name_of(kind)
    if kind == "key_group":
        body["Items"] = [made["public_key"]]
    before = listed(kind)["Quantity"]
    answer = call("create", kind, **{f"{name}Config": body})
    made[kind] = answer[name]["Id"]
    ok(answer["ResponseMetadata"]["HTTPStatusCode"] == 201, f"{kind} is created")
    ok(answer["ETag"] and answer["Location"].endswith(made[kind]), f"{kind} has a version and a place")
    ok(answer[name][f"{name}Config"] == body, f"{kind} comes back as it was sent")
    read = call("config", kind, Id=made[kind])
    ok(read[f"{name}Config"] == body and read["ETag"] == answer["ETag"], f"{kind} has a config")
    full = call("get", kind, Id=made[kind])
    ok(full[name] == answer[name], f"{kind} reads back")
    # Every member that the API model requires is there.
    shape = client.meta.service_model.shape_for(name)
    ok(set(shape.required_members) <= set(full[name]), f"{kind} lacks {set(shape.required_members) - set(full[name])}")
    page = listed(kind)
    ok(page["Quantity"] == before + 1, f"{kind} is listed")
    model = client.meta.service_model.shape_for(f"{name}List")
    ok(set(model.required_members) <= set(page), f"{kind} lacks {set(model.required_members) - set(page)} in its list")
    ok(("IsTruncated" in page) == ("IsTruncated" in model.members), f"{kind} IsTruncated")
    summary = client.meta.service_model.shape_for(f"{name}Summary")
    ok(all(set(summary.required_members) <= set(item) for item in page["Items"]), f"{kind} summary {page['Items'][0].keys()}")
    refused(MISSING.get(kind, f"NoSuch{name}"), 404, getattr(client, f"get_{kind}"), Id="none")
    update = getattr(client, f"update_{kind}")
    refused("InvalidIfMatchVersion", 400, update, Id=made[kind], **{f"{name}Config": body})
    refused("PreconditionFailed", 412, update, Id=made[kind], IfMatch="E000", **{f"{name}Config": body})
    changed = dict(body, **({"Description": "new"} if kind == "origin_access_control" else {"Comment": "new"}))
    after = update(Id=made[kind], IfMatch=version(kind), **{f"{name}Config": changed})
    ok(after["ETag"] != answer["ETag"] and after[name][f"{name}Config"] == changed, f"{kind} is changed")
    taken = f"{name}AlreadyExists"
    refused(taken, 409, getattr(client, f"create_{kind}"), **{f"{name}Config": body})
    pages, marker = [], {}
    while True:
        page = listed(kind, MaxItems="1", **marker)
        pages += page["Items"]
        if not page.get("NextMarker"):
            break
        marker = {"Marker": page["NextMarker"]}
    ok(len(pages) == before + 1, f"{kind} in pages of one")

# Managed policies are there, and stay as they are.
for kind, count in [("cache_policy", 7), ("origin_request_policy", 7), ("response_headers_policy", 5)]:
    name = name_of(kind)
    items = listed(kind, Type="managed")["Items"]
    ok(len(items) == count and all(item["Type"] == "managed" for item in items), f"managed {kind}")
    ok(listed(kind, Type="custom")["Quantity"] == 1, f"custom {kind}")
    it = items[0][name]
    tag = call("get", kind, Id=it["Id"])["ETag"]
    refused("IllegalUpdate", 400, getattr(client, f"update_{kind}"), Id=it["Id"], IfMatch=tag, **{f"{name}Config": it[f"{name}Config"]})
    refused("IllegalDelete", 400, getattr(client, f"delete_{kind}"), Id=it["Id"], IfMatch=tag)
body = dict(KINDS["public_key"], EncodedKey="other")
refused("CannotChangeImmutablePublicKeyFields", 400, client.update_public_key, Id=made["public_key"], IfMatch=version("public_key"), PublicKeyConfig=body)
refused("InvalidArgument", 400, client.create_key_group, KeyGroupConfig={"Name": "x", "Items": ["KNONE"]})
refused("InvalidArgument", 400, client.create_origin_access_control, OriginAccessControlConfig=dict(KINDS["origin_access_control"], Name="x", SigningBehavior="sometimes"))

# Functions: two stages, raw code, the odd ETtag.
code = b"function handler(event) { return event.request; } // \xc3\xa9\n"
function_config = {"Comment": "c", "Runtime": "cloudfront-js-2.0"}
answer = client.create_function(Name="fn", FunctionConfig=function_config, FunctionCode=code, Tags={"Items": [{"Key": "a", "Value": "b"}]})
arn = answer["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
ok(answer["FunctionSummary"]["Status"] == "UNPUBLISHED" and answer["Location"], "a function begins unpublished")
refused("FunctionAlreadyExists", 409, client.create_function, Name="fn", FunctionConfig=function_config, FunctionCode=code)
refused("NoSuchFunctionExists", 404, client.describe_function, Name="fn", Stage="LIVE")
refused("InvalidFunctionAssociation", 400, client.create_distribution, DistributionConfig=config("f", {"FunctionAssociations": {"Quantity": 1, "Items": [{"FunctionARN": arn, "EventType": "viewer-request"}]}}))
read = client.get_function(Name="fn", Stage="DEVELOPMENT")
ok(read["FunctionCode"].read() == code and read["ContentType"] == "application/octet-stream", "the code is raw")
refused("PreconditionFailed", 412, client.publish_function, Name="fn", IfMatch="E000")
ok(client.publish_function(Name="fn", IfMatch=answer["ETag"])["FunctionSummary"]["FunctionMetadata"]["Stage"] == "LIVE", "published")
updated = client.update_function(Name="fn", IfMatch=answer["ETag"], FunctionConfig=function_config, FunctionCode=b"new")
ok(updated["ETag"] and updated["ETag"] != answer["ETag"], "the version of an update")
ok(client.get_function(Name="fn", Stage="LIVE")["FunctionCode"].read() == code, "live is what was published")
ok(client.get_function(Name="fn")["FunctionCode"].read() == b"new", "development is what was put")
ok(client.list_functions()["FunctionList"]["Quantity"] == 2 and client.list_functions(Stage="LIVE")["FunctionList"]["Quantity"] == 1, "two stages")
refused("FunctionSizeLimitExceeded", 413, client.update_function, Name="fn", IfMatch=updated["ETag"], FunctionConfig=function_config, FunctionCode=b"x" * 10241)
client.tag_resource(Resource=arn, Tags={"Items": [{"Key": "c", "Value": "d"}]})
client.untag_resource(Resource=arn, TagKeys={"Items": ["a"]})
ok(client.list_tags_for_resource(Resource=arn)["Tags"]["Items"] == [{"Key": "c", "Value": "d"}], "tags of a function")

# A distribution that names one of each; what it names is in use and can be asked for.
acl = "arn:aws:wafv2:us-east-1:111111111111:global/webacl/w/1"
log = "arn:aws:cloudfront::111111111111:realtime-log-config/rl"
behaviour = {
    "CachePolicyId": made["cache_policy"], "OriginRequestPolicyId": made["origin_request_policy"], "ResponseHeadersPolicyId": made["response_headers_policy"],
    "TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": [made["key_group"]]},
    "FunctionAssociations": {"Quantity": 1, "Items": [{"FunctionARN": arn, "EventType": "viewer-request"}]}, "RealtimeLogConfigArn": log,
}
origin = {"OriginAccessControlId": made["origin_access_control"], "S3OriginConfig": {"OriginAccessIdentity": "origin-access-identity/cloudfront/" + made["cloud_front_origin_access_identity"]}}
vpc = {"Id": "v", "DomainName": "v.example.net", "VpcOriginConfig": {"VpcOriginId": "vo_1"}}
it = config("refers", behaviour, origin, WebACLId=acl)
it["Origins"] = {"Quantity": 2, "Items": it["Origins"]["Items"] + [vpc]}
refers = client.create_distribution_with_tags(DistributionConfigWithTags={"DistributionConfig": it, "Tags": {"Items": []}})["Distribution"]["Id"]
for kind in KINDS:
    name = name_of(kind)
    code = IN_USE.get(kind, "CloudFrontOriginAccessIdentityInUse" if "identity" in kind else f"{name}InUse")
    refused(code, 409, getattr(client, f"delete_{kind}"), Id=made[kind], IfMatch=version(kind))
refused("FunctionInUse", 409, client.delete_function, Name="fn", IfMatch=updated["ETag"])
ok(client.describe_function(Name="fn", Stage="LIVE")["FunctionSummary"]["Status"] == "DEPLOYED", "an associated function")
for kind in ["cache_policy", "origin_request_policy", "response_headers_policy"]:
    by = getattr(client, f"list_distributions_by_{kind}_id")
    ok(by(**{f"{name_of(kind)}Id": made[kind]})["DistributionIdList"]["Items"] == [refers], f"by {kind}")
    refused(f"NoSuch{name_of(kind)}", 404, by, **{f"{name_of(kind)}Id": "none"})
ok(client.list_distributions_by_key_group(KeyGroupId=made["key_group"])["DistributionIdList"]["Items"] == [refers], "by key group")
ok(client.list_distributions_by_vpc_origin_id(VpcOriginId="vo_1")["DistributionIdList"]["Items"] == [refers], "by VPC origin")
plain = create("plain")["Id"]
for value, found in [(acl, refers), ("null", plain)]:
    page = client.list_distributions_by_web_acl_id(WebACLId=value)["DistributionList"]
    ok([d["Id"] for d in page["Items"]] == [found], f"by web ACL {value}")
for key in [{"RealtimeLogConfigArn": log}, {"RealtimeLogConfigName": "rl"}]:
    ok([d["Id"] for d in client.list_distributions_by_realtime_log_config(**key)["DistributionList"]["Items"]] == [refers], f"by {key}")
for code, status, changes in [
    ("NoSuchCachePolicy", 404, {"behaviour": {"CachePolicyId": "none"}}),
    ("NoSuchOriginRequestPolicy", 404, {"behaviour": {"OriginRequestPolicyId": "none"}}),
    ("NoSuchResponseHeadersPolicy", 404, {"behaviour": {"ResponseHeadersPolicyId": "none"}}),
    ("TrustedKeyGroupDoesNotExist", 400, {"behaviour": {"TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": ["none"]}}}),
    ("InvalidOriginAccessControl", 400, {"origin": {"OriginAccessControlId": "none"}}),
    ("InvalidOriginAccessIdentity", 400, {"origin": {"S3OriginConfig": {"OriginAccessIdentity": "origin-access-identity/cloudfront/none"}}}),
]:
    refused(code, status, client.create_distribution, DistributionConfig=config(code, **changes))
it = client.get_distribution_config(Id=plain)["DistributionConfig"]
it["DefaultCacheBehavior"]["CachePolicyId"] = "none"
refused("NoSuchCachePolicy", 404, client.update_distribution, Id=plain, IfMatch=etag(plain), DistributionConfig=it)

# Metrics beside the config.
refused("NoSuchMonitoringSubscription", 404, client.get_monitoring_subscription, DistributionId=plain)
refused("NoSuchMonitoringSubscription", 404, client.delete_monitoring_subscription, DistributionId=plain)
on = {"RealtimeMetricsSubscriptionConfig": {"RealtimeMetricsSubscriptionStatus": "Enabled"}}
client.create_monitoring_subscription(DistributionId=plain, MonitoringSubscription=on)
refused("MonitoringSubscriptionAlreadyExists", 409, client.create_monitoring_subscription, DistributionId=plain, MonitoringSubscription=on)
ok(client.get_monitoring_subscription(DistributionId=plain)["MonitoringSubscription"] == on, "metrics are on")
client.delete_monitoring_subscription(DistributionId=plain)
refused("NoSuchDistribution", 404, client.get_monitoring_subscription, DistributionId="none")

# The alias table over all accounts, and its moves.
source = create("source", ViewerCertificate=CERTIFICATE, Aliases=aliases("www.example.com", "api.example.com"))["Id"]
target = create("target", ViewerCertificate=CERTIFICATE)["Id"]
bare = create("bare")["Id"]
foreign = create("foreign", using=second, ViewerCertificate=CERTIFICATE, Aliases=aliases("*.example.com"))["Id"]
refused("CNAMEAlreadyExists", 409, second.create_distribution, DistributionConfig=config("x", ViewerCertificate=CERTIFICATE, Aliases=aliases("www.example.com")))
refused("InvalidViewerCertificate", 400, put, i=bare, Aliases=aliases("new.example.com"))
refused("InvalidArgument", 400, put, i=target, Aliases=aliases("New.example.com"))
refused("InvalidArgument", 400, put, i=target, Aliases=aliases("a.*.example.com"))


def conflicts(i, name, using=client):
    old = using.list_conflicting_aliases(DistributionId=i, Alias=name)["ConflictingAliasesList"]
    ok(old["Quantity"] == len(old.get("Items", [])), "Quantity of the conflicts")
    new = using.list_domain_conflicts(Domain=name, DomainControlValidationResource={"DistributionId": i})["DomainConflicts"]
    pairs = [(item["Alias"], item["DistributionId"], item["AccountId"]) for item in old.get("Items", [])]
    ok(pairs == [(item["Domain"], item["ResourceId"], item["AccountId"]) for item in new], "both lists agree")
    ok(all(item["ResourceType"] == "distribution" for item in new), "resource type")
    return pairs


def masked(i):
    return "*" * (len(i) // 2) + i[len(i) // 2:]


both = conflicts(target, "www.example.com")
ok(both == [("*.example.com", masked(foreign), "******222222"), ("www.example.com", masked(source), "******111111")], f"conflicts of a name: {both}")
names = [alias for alias, _, _ in conflicts(foreign, "*.example.com", using=second)]
ok(names == ["api.example.com", "www.example.com"], f"conflicts of a wildcard: {names}")
ok(conflicts(target, "www.example.org") == [], "no conflict")
refused("NoSuchDistribution", 404, client.list_conflicting_aliases, DistributionId="none", Alias="www.example.com")
refused("InvalidArgument", 400, client.list_conflicting_aliases, DistributionId=bare, Alias="www.example.com")
refused("EntityNotFound", 404, client.list_domain_conflicts, Domain="www.example.com", DomainControlValidationResource={"DistributionId": foreign})
page = client.list_domain_conflicts(Domain="www.example.com", DomainControlValidationResource={"DistributionId": target}, MaxItems=1)
ok(len(page["DomainConflicts"]) == 1 and page["NextMarker"], "one conflict a page")

refused("IllegalUpdate", 400, client.associate_alias, TargetDistributionId=bare, Alias="www.example.com")
refused("NoSuchDistribution", 404, client.associate_alias, TargetDistributionId=foreign, Alias="www.example.com")
before = etag(target)
client.associate_alias(TargetDistributionId=target, Alias="www.example.com")
ok(etag(target) != before, "a move changes the target's version")
held = {i: client.get_distribution_config(Id=i)["DistributionConfig"]["Aliases"] for i in (source, target)}
ok(held == {source: aliases("api.example.com"), target: aliases("www.example.com")}, f"the name has moved: {held}")
domain = {"Domain": "api.example.com", "TargetResource": {"DistributionId": target}}
refused("InvalidIfMatchVersion", 400, client.update_domain_association, **domain)
refused("PreconditionFailed", 412, client.update_domain_association, IfMatch=before, **domain)
refused("EntityNotFound", 404, client.update_domain_association, IfMatch=before, Domain="api.example.com", TargetResource={"DistributionId": "none"})
answer = client.update_domain_association(IfMatch=etag(target), **domain)
ok((answer["ResourceId"], answer["Domain"], answer["ETag"]) == (target, "api.example.com", etag(target)), "the new operation")
# Between accounts the source has to be disabled.
refused("IllegalUpdate", 400, second.associate_alias, TargetDistributionId=foreign, Alias="www.example.com")
put(target, Enabled=False)
second.associate_alias(TargetDistributionId=foreign, Alias="www.example.com")
ok(second.get_distribution_config(Id=foreign)["DistributionConfig"]["Aliases"]["Items"] == ["*.example.com", "www.example.com"], "the name crossed")

# The trio's operations have a script of their own; here each is called once.
staging = client.copy_distribution(PrimaryDistributionId=plain, Staging=True, IfMatch=etag(plain), CallerReference="copy")["Distribution"]
policy_config = {"StagingDistributionDnsNames": {"Quantity": 1, "Items": [staging["DomainName"]]}, "Enabled": True, "TrafficConfig": {"Type": "SingleHeader", "SingleHeaderConfig": {"Header": "aws-cf-cd-x", "Value": "1"}}}
policy = client.create_continuous_deployment_policy(ContinuousDeploymentPolicyConfig=policy_config)
i = policy["ContinuousDeploymentPolicy"]["Id"]
ok(client.get_continuous_deployment_policy(Id=i)["ETag"] == policy["ETag"], "policy")
ok(client.get_continuous_deployment_policy_config(Id=i)["ContinuousDeploymentPolicyConfig"] == policy_config, "its config")
ok(client.list_continuous_deployment_policies()["ContinuousDeploymentPolicyList"]["Quantity"] == 1, "one policy")
put(plain, ContinuousDeploymentPolicyId=i)
refused("IllegalUpdate", 400, client.associate_alias, TargetDistributionId=plain, Alias="api.example.com")
client.update_distribution_with_staging_config(Id=plain, StagingDistributionId=staging["Id"], IfMatch=f"{etag(plain)},{etag(staging['Id'])}")
put(plain, ContinuousDeploymentPolicyId="")
version_now = client.get_continuous_deployment_policy(Id=i)["ETag"]
version_now = client.update_continuous_deployment_policy(Id=i, IfMatch=version_now, ContinuousDeploymentPolicyConfig=dict(policy_config, Enabled=False))["ETag"]
client.delete_continuous_deployment_policy(Id=i, IfMatch=version_now)

# Down again: nothing in use, nothing left.
ok(client.list_distributions()["DistributionList"]["Quantity"] == 6, "six distributions")
for i, using in [(refers, client), (plain, client), (source, client), (target, client), (bare, client), (staging["Id"], client), (foreign, second)]:
    put(i, using, Enabled=False)
    using.get_waiter("distribution_deployed").wait(Id=i, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    using.delete_distribution(Id=i, IfMatch=etag(i, using))
for kind in reversed(KINDS):
    call("delete", kind, Id=made[kind], IfMatch=version(kind))
client.delete_function(Name="fn", IfMatch=updated["ETag"])
ok(client.list_functions()["FunctionList"]["Quantity"] == 0, "no function left")

ok(served <= set(client.meta.service_model.operation_names), f"no such operation: {served - set(client.meta.service_model.operation_names)}")
ok(called == served, f"never called: {sorted(served - called)}; not listed: {sorted(called - served)}")
print(f"{len(called)} operations, {checks} checks passed")
