"""boto3 over every operation of CloudFront that the lab serves; their names are the first argument.

The lab has two accounts and a short propagation; its variables are in the environment, the access key
of the second account in SECOND_ID and SECOND_SECRET.
"""
import os
import sys
import time

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
# A certificate is its account's own.
SECOND_CERTIFICATE = dict(CERTIFICATE, ACMCertificateArn=CERTIFICATE["ACMCertificateArn"].replace("1" * 12, "2" * 12))
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
    "field_level_encryption_profile": {
        "Name": "fp", "CallerReference": "fp", "Comment": "c",
        "EncryptionEntities": {"Quantity": 1, "Items": [{"PublicKeyId": "", "ProviderId": "p", "FieldPatterns": {"Quantity": 1, "Items": ["card*"]}}]},
    },
    "field_level_encryption": {
        "CallerReference": "fc", "Comment": "c",
        "QueryArgProfileConfig": {"ForwardWhenQueryArgProfileIsUnknown": True, "QueryArgProfiles": {"Quantity": 0}},
        "ContentTypeProfileConfig": {
            "ForwardWhenContentTypeIsUnknown": False,
            "ContentTypeProfiles": {"Quantity": 1, "Items": [{"Format": "URLEncoded", "ProfileId": "", "ContentType": "application/x-www-form-urlencoded"}]},
        },
    },
}
PLURALS = {"cloud_front_origin_access_identity": "cloud_front_origin_access_identities", "field_level_encryption": "field_level_encryption_configs"}
# What operations other than the reads, and the codes, call it.
SUBJECT = {"field_level_encryption": "field_level_encryption_config"}
MISSING = {"key_group": "NoSuchResource", "field_level_encryption": "NoSuchFieldLevelEncryptionConfig"}
IN_USE = {"key_group": "ResourceInUse", "field_level_encryption": "FieldLevelEncryptionConfigInUse"}
made = {}


def name_of(kind):
    return "".join(word.capitalize() for word in kind.split("_"))


def plural(kind):
    return PLURALS.get(kind, kind[:-1] + "ies" if kind.endswith("policy") else kind + "s")


def subject(kind):
    return SUBJECT.get(kind, kind)


def call(verb, kind, **arguments):
    words = {"config": f"get_{kind}_config", "list": f"list_{plural(kind)}"}.get(verb, f"{verb}_{kind if verb == 'get' else subject(kind)}")
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
    if kind == "field_level_encryption_profile":
        body["EncryptionEntities"]["Items"][0]["PublicKeyId"] = made["public_key"]
    if kind == "field_level_encryption":
        body["ContentTypeProfileConfig"]["ContentTypeProfiles"]["Items"][0]["ProfileId"] = made["field_level_encryption_profile"]
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
    update = getattr(client, f"update_{subject(kind)}")
    refused("InvalidIfMatchVersion", 400, update, Id=made[kind], **{f"{name}Config": body})
    refused("PreconditionFailed", 412, update, Id=made[kind], IfMatch="E000", **{f"{name}Config": body})
    changed = dict(body, **({"Description": "new"} if kind == "origin_access_control" else {"Comment": "new"}))
    after = update(Id=made[kind], IfMatch=version(kind), **{f"{name}Config": changed})
    ok(after["ETag"] != answer["ETag"] and after[name][f"{name}Config"] == changed, f"{kind} is changed")
    taken = f"{name_of(subject(kind))}AlreadyExists"
    refused(taken, 409, getattr(client, f"create_{subject(kind)}"), **{f"{name}Config": body})
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

profile = dict(KINDS["field_level_encryption_profile"], Name="x", CallerReference="x", EncryptionEntities={"Quantity": 1, "Items": [{"PublicKeyId": "KNONE", "ProviderId": "p", "FieldPatterns": {"Quantity": 0}}]})
refused("NoSuchPublicKey", 404, client.create_field_level_encryption_profile, FieldLevelEncryptionProfileConfig=profile)
unknown = {"ForwardWhenQueryArgProfileIsUnknown": True, "QueryArgProfiles": {"Quantity": 1, "Items": [{"QueryArg": "a", "ProfileId": "PNONE"}]}}
refused("NoSuchFieldLevelEncryptionProfile", 404, client.create_field_level_encryption_config, FieldLevelEncryptionConfig={"CallerReference": "x", "QueryArgProfileConfig": unknown})


def required(shape, answer, what):
    missing = set(client.meta.service_model.shape_for(shape).required_members) - set(answer)
    ok(not missing, f"{what} lacks {missing}")


# Key value stores: known by name, provisioned for a while. Their contents have a script of their own.
answer = client.create_key_value_store(Name="kvs", Comment="c", Tags={"Items": [{"Key": "a", "Value": "b"}]})
store = answer["KeyValueStore"]
required("KeyValueStore", store, "a store")
ok((answer["ResponseMetadata"]["HTTPStatusCode"], store["Status"]) == (201, "PROVISIONING") and answer["Location"].endswith("/kvs"), "a store begins provisioning")
ok(store["ARN"] == f"arn:aws:cloudfront::111111111111:key-value-store/{store['Id']}", "the ARN of a store")
ok(client.list_tags_for_resource(Resource=store["ARN"])["Tags"]["Items"] == [{"Key": "a", "Value": "b"}], "tags of a store")
refused("EntityAlreadyExists", 409, client.create_key_value_store, Name="kvs")
refused("EntityNotFound", 404, client.describe_key_value_store, Name="none")
refused("UnsupportedOperation", 400, client.create_key_value_store, Name="x", ImportSource={"SourceType": "S3", "SourceARN": "arn:aws:s3:::b/k"})
while client.describe_key_value_store(Name="kvs")["KeyValueStore"]["Status"] != "READY":
    time.sleep(0.05)
refused("PreconditionFailed", 412, client.update_key_value_store, Name="kvs", Comment="new", IfMatch="E000")
after = client.update_key_value_store(Name="kvs", Comment="new", IfMatch=answer["ETag"])
ok(after["ETag"] != answer["ETag"] and after["KeyValueStore"]["Comment"] == "new", "a store's comment")
client.create_key_value_store(Name="other")
page = client.list_key_value_stores(MaxItems="1")["KeyValueStoreList"]
ok([i["Name"] for i in page["Items"]] == ["kvs"] and page["NextMarker"] == "kvs", "stores in pages")
ok([i["Name"] for i in client.list_key_value_stores(Status="READY")["KeyValueStoreList"]["Items"]] == ["kvs"], "stores by status")
client.delete_key_value_store(Name="other", IfMatch=client.describe_key_value_store(Name="other")["ETag"])

# Real-time log configs: by name or ARN, without a version.
stream = {"StreamType": "Kinesis", "KinesisStreamConfig": {"RoleARN": "arn:aws:iam::111111111111:role/r", "StreamARN": "arn:aws:kinesis:us-east-1:111111111111:stream/s"}}
log_config = {"Name": "rl", "SamplingRate": 50, "EndPoints": [stream], "Fields": ["timestamp", "c-ip"]}
answer = client.create_realtime_log_config(**log_config)
log = answer["RealtimeLogConfig"]["ARN"]
ok(answer["RealtimeLogConfig"] == dict(log_config, ARN="arn:aws:cloudfront::111111111111:realtime-log-config/rl"), "a log config comes back as it was sent")
ok(client.get_realtime_log_config(Name="rl")["RealtimeLogConfig"] == client.get_realtime_log_config(ARN=log)["RealtimeLogConfig"] == answer["RealtimeLogConfig"], "by name and by ARN")
ok(client.update_realtime_log_config(**dict(log_config, SamplingRate=7))["RealtimeLogConfig"]["SamplingRate"] == 7, "a log config is changed")
refused("RealtimeLogConfigAlreadyExists", 409, client.create_realtime_log_config, **log_config)
refused("NoSuchRealtimeLogConfig", 404, client.get_realtime_log_config, Name="none")
refused("InvalidArgument", 400, client.update_realtime_log_config, Name="rl", SamplingRate=7)
refused("InvalidArgument", 400, client.create_realtime_log_config, **dict(log_config, Name="x", SamplingRate=101))
refused("AccessDenied", 403, second.get_realtime_log_config, ARN=log)
page = client.list_realtime_log_configs()["RealtimeLogConfigs"]
required("RealtimeLogConfigs", page, "the list of log configs")
ok([i["Name"] for i in page["Items"]] == ["rl"], "log configs are listed")

# VPC origins: made, changed and deleted in the background.
endpoint = {"Name": "vo", "Arn": "arn:aws:elasticloadbalancing:us-east-1:111111111111:loadbalancer/app/a/1", "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only", "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]}}
answer = client.create_vpc_origin(VpcOriginEndpointConfig=endpoint, Tags={"Items": [{"Key": "a", "Value": "b"}]})
vpc_origin = answer["VpcOrigin"]
required("VpcOrigin", vpc_origin, "a VPC origin")
ok((answer["ResponseMetadata"]["HTTPStatusCode"], vpc_origin["Status"]) == (202, "Deploying"), "a VPC origin begins Deploying")
ok(vpc_origin["VpcOriginEndpointConfig"] == endpoint, "a VPC origin comes back as it was sent")
ok(client.list_tags_for_resource(Resource=vpc_origin["Arn"])["Tags"]["Items"] == [{"Key": "a", "Value": "b"}], "tags of a VPC origin")
refused("EntityAlreadyExists", 409, client.create_vpc_origin, VpcOriginEndpointConfig=endpoint)
refused("AccessDenied", 403, second.create_vpc_origin, VpcOriginEndpointConfig=endpoint)
refused("EntityNotFound", 404, client.get_vpc_origin, Id="vo_none")
refused("EntityNotFound", 404, second.get_vpc_origin, Id=vpc_origin["Id"])
changed = client.update_vpc_origin(Id=vpc_origin["Id"], IfMatch=answer["ETag"], VpcOriginEndpointConfig=dict(endpoint, HTTPPort=8080))
ok(changed["ResponseMetadata"]["HTTPStatusCode"] == 202 and changed["VpcOrigin"]["VpcOriginEndpointConfig"]["HTTPPort"] == 8080, "a VPC origin is changed")
while client.get_vpc_origin(Id=vpc_origin["Id"])["VpcOrigin"]["Status"] != "Deployed":
    time.sleep(0.05)
page = client.list_vpc_origins()["VpcOriginList"]
required("VpcOriginList", page, "the list of VPC origins")
required("VpcOriginSummary", page["Items"][0], "a VPC origin's summary")

# Functions: two stages, raw code, the odd ETtag.
code = b"function handler(event) { return event.request; } // \xc3\xa9\n"
function_config = {"Comment": "c", "Runtime": "cloudfront-js-2.0", "KeyValueStoreAssociations": {"Quantity": 1, "Items": [{"KeyValueStoreARN": store["ARN"]}]}}
for wrong in [{"Runtime": "cloudfront-js-1.0"}, {"KeyValueStoreAssociations": {"Quantity": 1, "Items": [{"KeyValueStoreARN": "arn:aws:cloudfront::111111111111:key-value-store/none"}]}}]:
    refused("InvalidArgument", 400, client.create_function, Name="wrong", FunctionConfig=dict(function_config, **wrong), FunctionCode=code)
refused("InvalidArgument", 400, second.create_function, Name="wrong", FunctionConfig=function_config, FunctionCode=code)
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
behaviour = {
    "CachePolicyId": made["cache_policy"], "OriginRequestPolicyId": made["origin_request_policy"], "ResponseHeadersPolicyId": made["response_headers_policy"],
    "TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": [made["key_group"]]},
    "FunctionAssociations": {"Quantity": 1, "Items": [{"FunctionARN": arn, "EventType": "viewer-request"}]}, "RealtimeLogConfigArn": log,
    "FieldLevelEncryptionId": made["field_level_encryption"],
}
origin = {"OriginAccessControlId": made["origin_access_control"], "S3OriginConfig": {"OriginAccessIdentity": "origin-access-identity/cloudfront/" + made["cloud_front_origin_access_identity"]}}
vpc = {"Id": "v", "DomainName": "v.example.net", "VpcOriginConfig": {"VpcOriginId": vpc_origin["Id"]}}
it = config("refers", behaviour, origin, WebACLId=acl)
it["Origins"] = {"Quantity": 2, "Items": it["Origins"]["Items"] + [vpc]}
refers = client.create_distribution_with_tags(DistributionConfigWithTags={"DistributionConfig": it, "Tags": {"Items": []}})["Distribution"]["Id"]
for kind in KINDS:
    name = name_of(kind)
    code = IN_USE.get(kind, "CloudFrontOriginAccessIdentityInUse" if "identity" in kind else f"{name}InUse")
    refused(code, 409, getattr(client, f"delete_{subject(kind)}"), Id=made[kind], IfMatch=version(kind))
refused("FunctionInUse", 409, client.delete_function, Name="fn", IfMatch=updated["ETag"])
refused("RealtimeLogConfigInUse", 400, client.delete_realtime_log_config, ARN=log)
refused("CannotDeleteEntityWhileInUse", 409, client.delete_key_value_store, Name="kvs", IfMatch=client.describe_key_value_store(Name="kvs")["ETag"])
version_now = client.get_vpc_origin(Id=vpc_origin["Id"])["ETag"]
refused("CannotDeleteEntityWhileInUse", 409, client.delete_vpc_origin, Id=vpc_origin["Id"], IfMatch=version_now)
refused("CannotUpdateEntityWhileInUse", 409, client.update_vpc_origin, Id=vpc_origin["Id"], IfMatch=version_now, VpcOriginEndpointConfig=endpoint)
ok(client.describe_function(Name="fn", Stage="LIVE")["FunctionSummary"]["Status"] == "DEPLOYED", "an associated function")
for kind in ["cache_policy", "origin_request_policy", "response_headers_policy"]:
    by = getattr(client, f"list_distributions_by_{kind}_id")
    ok(by(**{f"{name_of(kind)}Id": made[kind]})["DistributionIdList"]["Items"] == [refers], f"by {kind}")
    refused(f"NoSuch{name_of(kind)}", 404, by, **{f"{name_of(kind)}Id": "none"})
ok(client.list_distributions_by_key_group(KeyGroupId=made["key_group"])["DistributionIdList"]["Items"] == [refers], "by key group")
ok(client.list_distributions_by_vpc_origin_id(VpcOriginId=vpc_origin["Id"])["DistributionIdList"]["Items"] == [refers], "by VPC origin")
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
    ("NoSuchFieldLevelEncryptionConfig", 404, {"behaviour": {"FieldLevelEncryptionId": "none"}}),
    ("NoSuchRealtimeLogConfig", 404, {"behaviour": {"RealtimeLogConfigArn": log + "-none"}}),
    ("RealtimeLogConfigOwnerMismatch", 401, {"behaviour": {"RealtimeLogConfigArn": log.replace("1" * 12, "2" * 12)}}),
    ("InvalidFunctionAssociation", 400, {"behaviour": {"FunctionAssociations": {"Quantity": 1, "Items": [{"FunctionARN": arn.replace("1" * 12, "2" * 12), "EventType": "viewer-request"}]}}}),
    ("InvalidLambdaFunctionAssociation", 400, {"behaviour": {"LambdaFunctionAssociations": {"Quantity": 1, "Items": [{"LambdaFunctionARN": "arn:aws:lambda:us-east-1:222222222222:function:f:1", "EventType": "viewer-request"}]}}}),
    ("InvalidWebACLId", 400, {"WebACLId": acl.replace("1" * 12, "2" * 12)}),
    ("InvalidViewerCertificate", 400, {"ViewerCertificate": SECOND_CERTIFICATE}),
    ("EntityNotFound", 404, {"origin": {"VpcOriginConfig": {"VpcOriginId": "vo_none"}}}),
    ("AccessDenied", 403, {"origin": {"VpcOriginConfig": {"VpcOriginId": "vo_none", "OwnerAccountId": "222222222222"}}}),
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
foreign = create("foreign", using=second, ViewerCertificate=SECOND_CERTIFICATE, Aliases=aliases("*.example.com"))["Id"]
refused("CNAMEAlreadyExists", 409, second.create_distribution, DistributionConfig=config("x", ViewerCertificate=SECOND_CERTIFICATE, Aliases=aliases("www.example.com")))
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
# Between accounts the source has to be disabled, and a TXT record has to name the target.
zones = boto3.client("route53")
zone = zones.create_hosted_zone(Name="example.com", CallerReference="z")["HostedZone"]["Id"]


def publish(name, kind, value):
    change = {"Action": "UPSERT", "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}}
    i = zones.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})["ChangeInfo"]["Id"]
    while zones.get_change(Id=i)["ChangeInfo"]["Status"] != "INSYNC":
        time.sleep(0.05)


def domain_of(i, using=client):
    return using.get_distribution(Id=i)["Distribution"]["DomainName"]


publish("_www.example.com", "TXT", f'"{domain_of(foreign, second)}"')
refused("IllegalUpdate", 400, second.associate_alias, TargetDistributionId=foreign, Alias="www.example.com")
put(target, Enabled=False)
publish("_www.example.com", "TXT", f'"{domain_of(source)}"')
refused("IllegalUpdate", 400, second.associate_alias, TargetDistributionId=foreign, Alias="www.example.com")
publish("_www.example.com", "TXT", f'"{domain_of(foreign, second)}"')
second.associate_alias(TargetDistributionId=foreign, Alias="www.example.com")
ok(second.get_distribution_config(Id=foreign)["DistributionConfig"]["Aliases"]["Items"] == ["*.example.com", "www.example.com"], "the name crossed")

# A name is not added while DNS leads it elsewhere; moves and wildcards do not ask.
publish("dns.example.com", "CNAME", domain_of(source))
refused("CNAMEAlreadyExists", 409, put, i=target, Aliases=aliases("api.example.com", "dns.example.com"))
try:
    put(target, Aliases=aliases("api.example.com", "dns.example.com"))
except client.exceptions.CNAMEAlreadyExists as error:
    ok("incorrectly configured DNS record that points to another CloudFront distribution" in str(error), f"the message: {error}")
publish("dns.example.com", "CNAME", domain_of(target))
put(target, Aliases=aliases("api.example.com", "dns.example.com", "*.dns.example.com"))

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
client.delete_key_value_store(Name="kvs", IfMatch=client.describe_key_value_store(Name="kvs")["ETag"])
client.delete_realtime_log_config(Name="rl")
answer = client.delete_vpc_origin(Id=vpc_origin["Id"], IfMatch=client.get_vpc_origin(Id=vpc_origin["Id"])["ETag"])
ok(answer["ResponseMetadata"]["HTTPStatusCode"] == 202, "a VPC origin goes in the background")
while client.list_vpc_origins()["VpcOriginList"]["Quantity"]:
    time.sleep(0.05)
ok(client.list_functions()["FunctionList"]["Quantity"] == 0, "no function left")

ok(served <= set(client.meta.service_model.operation_names), f"no such operation: {served - set(client.meta.service_model.operation_names)}")
ok(called == served, f"never called: {sorted(served - called)}; not listed: {sorted(called - served)}")
print(f"{len(called)} operations, {checks} checks passed")
