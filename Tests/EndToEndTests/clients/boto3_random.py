"""Random valid DistributionConfigs, made from botocore's own service model with a fixed seed, against a lab.

Each survives create, get, an unchanged update and get. What is random is everything the model allows;
what is repaired are references alone: origins, policies, key groups, functions, encryption, logs, VPC origins, names.
"""
import random
import sys

import boto3

COUNT, SEED = int(sys.argv[1]), int(sys.argv[2])
dice = random.Random(SEED)
client = boto3.client("cloudfront")
model = client.meta.service_model
ALPHABET = "abcXYZ019 -_./*<>&'\"%\u00e9\u4e2d\U0001f6a2"
seen = set()


def text(shape):
    low, high = shape.metadata.get("min", 0), min(shape.metadata.get("max", 12), 12)
    return "".join(dice.choice(ALPHABET) for _ in range(dice.randint(low, max(low, high))))


def value(shape, path):
    kind = shape.type_name
    if kind == "structure":
        out = {}
        for name, member in shape.members.items():
            if name in shape.required_members or dice.random() < 0.6:
                out[name] = value(member, path + [name])
                seen.add(".".join(path[-1:] + [name]))
        if "Quantity" in shape.members:
            items = out.get("Items") or []
            if "Items" in shape.required_members and not items:
                items = [value(shape.members["Items"].member, path + ["Items"])]
            out.pop("Items", None)
            if items:
                out["Items"] = items
            out["Quantity"] = len(items)
        return out
    if kind == "list":
        items = [value(shape.member, path) for _ in range(dice.randint(0, 3))]
        return sorted(set(items), key=items.index) if shape.member.type_name in ("string", "integer") else items
    if kind == "boolean":
        return dice.random() < 0.5
    if kind in ("integer", "long"):
        return dice.randint(0, 100000)
    if kind == "string":
        return dice.choice(shape.enum) if shape.enum else text(shape)
    raise SystemExit(f"no value for {kind} at {path}")


def items(holder, name):
    return (holder.get(name) or {}).get("Items", [])


def some(list_of_ids):
    return dice.sample(list_of_ids, dice.randint(0, len(list_of_ids)))


def quantified(values, **more):
    return {"Quantity": len(values), **({"Items": values} if values else {}), **more}


MANAGED = {
    "CachePolicyId": [p["CachePolicy"]["Id"] for p in client.list_cache_policies(Type="managed")["CachePolicyList"]["Items"]],
    "OriginRequestPolicyId": [p["OriginRequestPolicy"]["Id"] for p in client.list_origin_request_policies(Type="managed")["OriginRequestPolicyList"]["Items"]],
    "ResponseHeadersPolicyId": [p["ResponseHeadersPolicy"]["Id"] for p in client.list_response_headers_policies(Type="managed")["ResponseHeadersPolicyList"]["Items"]],
}
KEY = client.create_public_key(PublicKeyConfig={"CallerReference": "r", "Name": "r", "EncodedKey": "k"})["PublicKey"]["Id"]
GROUPS = [client.create_key_group(KeyGroupConfig={"Name": n, "Items": [KEY]})["KeyGroup"]["Id"] for n in "ab"]
OAC = client.create_origin_access_control(OriginAccessControlConfig={"Name": "r", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"})["OriginAccessControl"]["Id"]
OAI = client.create_cloud_front_origin_access_identity(CloudFrontOriginAccessIdentityConfig={"CallerReference": "r", "Comment": ""})["CloudFrontOriginAccessIdentity"]["Id"]
made = client.create_function(Name="r", FunctionConfig={"Comment": "", "Runtime": "cloudfront-js-2.0"}, FunctionCode=b"x")
FUNCTION = client.publish_function(Name="r", IfMatch=made["ETag"])["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]

ENTITIES = {"Quantity": 1, "Items": [{"PublicKeyId": KEY, "ProviderId": "p", "FieldPatterns": {"Quantity": 0}}]}
client.create_field_level_encryption_profile(FieldLevelEncryptionProfileConfig={"Name": "r", "CallerReference": "r", "EncryptionEntities": ENTITIES})
ENCRYPTION = client.create_field_level_encryption_config(FieldLevelEncryptionConfig={"CallerReference": "r"})["FieldLevelEncryption"]["Id"]
STREAM = {"RoleARN": "arn:aws:iam::111111111111:role/r", "StreamARN": "arn:aws:kinesis:us-east-1:111111111111:stream/s"}
LOG = client.create_realtime_log_config(Name="r", SamplingRate=1, Fields=["c-ip"], EndPoints=[{"StreamType": "Kinesis", "KinesisStreamConfig": STREAM}])["RealtimeLogConfig"]["ARN"]
BALANCER = {"Name": "r", "Arn": "arn:aws:elasticloadbalancing:us-east-1:111111111111:loadbalancer/app/a/1", "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}
VPC = client.create_vpc_origin(VpcOriginEndpointConfig=BALANCER)["VpcOrigin"]["Id"]


def behaviour(it, targets):
    it["TargetOriginId"] = dice.choice(targets)
    for name, ids in MANAGED.items():
        if name in it:
            it[name] = dice.choice(ids)
    if "CachePolicyId" in it:
        it.pop("ForwardedValues", None)
    elif "ForwardedValues" not in it:
        it["CachePolicyId"] = MANAGED["CachePolicyId"][0]
    if "TrustedKeyGroups" in it:
        it["TrustedKeyGroups"] = quantified(some(GROUPS), Enabled=it["TrustedKeyGroups"]["Enabled"])
    for association in items(it, "FunctionAssociations"):
        association["FunctionARN"] = FUNCTION
    for name, one in [("FieldLevelEncryptionId", ENCRYPTION), ("RealtimeLogConfigArn", LOG)]:
        if name in it:
            it[name] = dice.choice([one, ""])


def repaired(it, number):
    it["CallerReference"] = f"random-{number}"
    it["ContinuousDeploymentPolicyId"] = ""
    if not items(it, "Origins"):
        it["Origins"] = quantified([value(model.shape_for("Origin"), ["Origins"])])
    for index, origin in enumerate(items(it, "Origins")):
        origin["Id"] = f"origin-{index}"
        if "OriginAccessControlId" in origin:
            origin["OriginAccessControlId"] = dice.choice([OAC, ""])
        if "VpcOriginConfig" in origin:
            origin["VpcOriginConfig"]["VpcOriginId"] = VPC
            if "OwnerAccountId" in origin["VpcOriginConfig"]:
                origin["VpcOriginConfig"]["OwnerAccountId"] = "111111111111"
        if "S3OriginConfig" in origin:
            origin["S3OriginConfig"]["OriginAccessIdentity"] = dice.choice(["", f"origin-access-identity/cloudfront/{OAI}"])
    origins = [origin["Id"] for origin in items(it, "Origins")]
    for index, group in enumerate(items(it, "OriginGroups")):
        group["Id"] = f"group-{index}"
        group["Members"] = quantified([{"OriginId": dice.choice(origins)} for _ in range(2)])
    targets = origins + [group["Id"] for group in items(it, "OriginGroups")]
    for one in [it["DefaultCacheBehavior"]] + items(it, "CacheBehaviors"):
        behaviour(one, targets)
    certificate = it.setdefault("ViewerCertificate", {})
    for deprecated in ("Certificate", "CertificateSource"):
        certificate.pop(deprecated, None)
    # Aliases need a certificate, and a staging distribution has none.
    if it.get("Staging"):
        it.pop("Aliases", None)
    if "Aliases" in it:
        it["Aliases"] = quantified([f"a{i}.n{number}.example.com" for i in range(it["Aliases"]["Quantity"])])
        certificate["ACMCertificateArn"] = f"arn:aws:acm:us-east-1:111111111111:certificate/{number}"
    return it


def holds(given, answered, path=""):
    """Everything given is in the answer; the answer may have more members."""
    if isinstance(given, dict):
        for name, member in given.items():
            if name not in answered:
                sys.exit(f"lost {path}/{name} = {member!r}")
            holds(member, answered[name], f"{path}/{name}")
    elif isinstance(given, list):
        if len(given) != len(answered):
            sys.exit(f"{path}: {len(given)} items became {len(answered)}")
        for index, (one, other) in enumerate(zip(given, answered)):
            holds(one, other, f"{path}[{index}]")
    elif given != answered:
        sys.exit(f"{path}: {given!r} became {answered!r}")


for number in range(COUNT):
    sent = repaired(value(model.shape_for("DistributionConfig"), []), number)
    try:
        i = client.create_distribution(DistributionConfig=sent)["Distribution"]["Id"]
        first = client.get_distribution(Id=i)
        config = first["Distribution"]["DistributionConfig"]
        holds(sent, config)
        client.update_distribution(Id=i, IfMatch=first["ETag"], DistributionConfig=config)
        second = client.get_distribution_config(Id=i)
    except client.exceptions.ClientError as error:
        sys.exit(f"config {number}: {error}\n{sent}")
    if second["DistributionConfig"] != config or second["ETag"] == first["ETag"]:
        sys.exit(f"config {number} changed by an unchanged update:\n{config}\n{second}")
print(f"{COUNT} random configs survived, {len(seen)} members used")
