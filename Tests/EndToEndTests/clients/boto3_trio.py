"""boto3 over the whole life of the trio, against a lab whose variables are in the environment."""
import sys

import boto3
import botocore.exceptions

client = boto3.client("cloudfront")
checks = 0


def config(reference, **extra):
    document = {
        "CallerReference": reference,
        "Origins": {
            "Quantity": 1,
            "Items": [
                {
                    "Id": "o",
                    "DomainName": "origin.example.net",
                    "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
                }
            ],
        },
        "DefaultCacheBehavior": {
            "TargetOriginId": "o",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        },
        "Comment": "trio",
        "Enabled": True,
    }
    document.update(extra)
    return document


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
        ok(error.response["ResponseMetadata"]["RequestId"], "a request id")
        return
    sys.exit(f"not refused with {code}: {call.__name__}")


def get(i):
    answer = client.get_distribution(Id=i)
    return answer["Distribution"], answer["ETag"]


def put(i, **changes):
    it, etag = get(i)
    it["DistributionConfig"].update(changes)
    return client.update_distribution(Id=i, IfMatch=etag, DistributionConfig=it["DistributionConfig"])


def deployed(i):
    client.get_waiter("distribution_deployed").wait(Id=i, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def drop(i):
    deployed(i)
    client.delete_distribution(Id=i, IfMatch=get(i)[1])


# Identity and tags.
ok(boto3.client("sts").get_caller_identity()["Account"] == "111111111111", "the account of the key")
created = client.create_distribution_with_tags(
    DistributionConfigWithTags={
        "DistributionConfig": config("primary"),
        "Tags": {"Items": [{"Key": "team", "Value": "web"}]},
    }
)
primary = created["Distribution"]["Id"]
arn = created["Distribution"]["ARN"]
ok(created["ResponseMetadata"]["HTTPStatusCode"] == 201 and created["Distribution"]["Status"] == "InProgress", "201")
ok(created["ETag"] and created["Location"].endswith(primary), "ETag and Location")
client.tag_resource(Resource=arn, Tags={"Items": [{"Key": "a", "Value": "b"}]})
client.untag_resource(Resource=arn, TagKeys={"Items": ["team"]})
ok(client.list_tags_for_resource(Resource=arn)["Tags"]["Items"] == [{"Key": "a", "Value": "b"}], "tags")
refused("DistributionAlreadyExists", 409, client.create_distribution, DistributionConfig=config("primary"))


# Another account through a role; a role of an account that is not there; no stacks.
sts = boto3.client("sts")
lent = sts.assume_role(RoleArn="arn:aws:iam::222222222222:role/path/reader", RoleSessionName="trio")["Credentials"]
session = boto3.Session(lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"])
identity = session.client("sts").get_caller_identity()
ok(identity["Account"] == "222222222222" and identity["Arn"].endswith("assumed-role/reader/trio"), "the role's account")
refused("NoSuchDistribution", 404, session.client("cloudfront").get_distribution, Id=primary)
bare = boto3.Session(lent["AccessKeyId"], lent["SecretAccessKey"]).client("cloudfront")
refused("InvalidClientTokenId", 403, bare.list_distributions)
refused("AccessDenied", 403, sts.assume_role, RoleArn="arn:aws:iam::999999999999:role/x", RoleSessionName="trio")
stacks = boto3.client("cloudformation")
ok(stacks.list_stacks()["StackSummaries"] == [], "no stacks")
refused("ValidationError", 400, stacks.describe_stack_resources, PhysicalResourceId=primary)
refused("UnknownOperationException", 400, boto3.client("acm").request_certificate, DomainName="a.example.com")
ok(boto3.client("acm").list_certificates()["CertificateSummaryList"] == [], "no certificates")

# What Get answers can be put back unchanged.
it, etag = get(primary)
same = client.update_distribution(Id=primary, IfMatch=etag, DistributionConfig=it["DistributionConfig"])
ok(same["Distribution"]["DistributionConfig"] == it["DistributionConfig"], "an unchanged update changes nothing")
refused("PreconditionFailed", 412, client.update_distribution, Id=primary, IfMatch="E000000000000", DistributionConfig=it["DistributionConfig"])
refused("InvalidIfMatchVersion", 400, client.delete_distribution, Id=primary)
refused("NoSuchDistribution", 404, client.get_distribution, Id="E0NOSUCH000000")

# Staging, both ways.
deployed(primary)
copy = client.copy_distribution(PrimaryDistributionId=primary, Staging=True, IfMatch=get(primary)[1], CallerReference="copy")
ok(copy["Distribution"]["DistributionConfig"]["Staging"] is True, "a copy is a staging distribution")
other = copy["Distribution"]["Id"]
made = client.create_distribution(DistributionConfig=config("staging", Staging=True))["Distribution"]
staging, name = made["Id"], made["DomainName"]

# The policy and its rules.
policy_config = {
    "StagingDistributionDnsNames": {"Quantity": 1, "Items": [name]},
    "Enabled": True,
    "TrafficConfig": {"Type": "SingleWeight", "SingleWeightConfig": {"Weight": 0.05}},
}
bad = dict(policy_config, TrafficConfig={"Type": "SingleWeight", "SingleWeightConfig": {"Weight": 0.5}})
refused("InvalidArgument", 400, client.create_continuous_deployment_policy, ContinuousDeploymentPolicyConfig=bad)
bad = dict(policy_config, StagingDistributionDnsNames={"Quantity": 2, "Items": [name]})
refused("InconsistentQuantities", 400, client.create_continuous_deployment_policy, ContinuousDeploymentPolicyConfig=bad)
answer = client.create_continuous_deployment_policy(ContinuousDeploymentPolicyConfig=policy_config)
policy = answer["ContinuousDeploymentPolicy"]["Id"]
refused("StagingDistributionInUse", 409, client.create_continuous_deployment_policy, ContinuousDeploymentPolicyConfig=policy_config)
listed = client.list_continuous_deployment_policies()["ContinuousDeploymentPolicyList"]
ok(listed["Quantity"] == 1 and "IsTruncated" not in listed, "the list of policies")
summaries = client.list_distributions()["DistributionList"]["Items"]
ok(all("ContinuousDeploymentPolicyId" not in s for s in summaries), "a summary names no policy")

# Attach, and every forbidden order.
put(primary, ContinuousDeploymentPolicyId=policy)
ok(get(primary)[0]["DistributionConfig"]["ContinuousDeploymentPolicyId"] == policy, "attached")


def policy_etag():
    return client.get_continuous_deployment_policy(Id=policy)["ETag"]


refused("ContinuousDeploymentPolicyInUse", 409, client.delete_continuous_deployment_policy, Id=policy, IfMatch=policy_etag())
refused("StagingDistributionInUse", 409, put, i=staging, Enabled=False)
refused("DistributionNotDisabled", 409, client.delete_distribution, Id=staging, IfMatch=get(staging)[1])
refused("IllegalUpdate", 400, put, i=primary, PriceClass="PriceClass_100")
put(primary, Comment="allowed while attached")
refused("ContinuousDeploymentPolicyInUse", 409, client.delete_continuous_deployment_policy, Id=policy, IfMatch=policy_etag())
refused("InvalidIfMatchVersion", 400, client.update_distribution_with_staging_config, Id=primary, StagingDistributionId=staging, IfMatch=get(primary)[1])
swapped = f"{get(staging)[1]},{get(primary)[1]}"
refused("PreconditionFailed", 412, client.update_distribution_with_staging_config, Id=primary, StagingDistributionId=staging, IfMatch=swapped)
one = f"{get(primary)[1]},{get(other)[1]}"
refused("IllegalUpdate", 400, client.update_distribution_with_staging_config, Id=primary, StagingDistributionId=other, IfMatch=one)

# Promote: the primary takes everything but its aliases and policy; the policy is disabled.
put(staging, Comment="from staging")
both = f"{get(primary)[1]}, {get(staging)[1]}"
client.update_distribution_with_staging_config(Id=primary, StagingDistributionId=staging, IfMatch=both)
ok(get(primary)[0]["DistributionConfig"]["Comment"] == "from staging", "promoted")
ok(get(primary)[0]["DistributionConfig"]["Staging"] is False, "the primary stays one")
ok(client.get_continuous_deployment_policy_config(Id=policy)["ContinuousDeploymentPolicyConfig"]["Enabled"] is False, "promote disables the policy")

# Detach with an empty id, then the way down.
put(primary, ContinuousDeploymentPolicyId="")
ok(not get(primary)[0]["DistributionConfig"].get("ContinuousDeploymentPolicyId"), "detached")
refused("StagingDistributionInUse", 409, put, i=staging, Enabled=False)
refused("PreconditionFailed", 412, client.delete_continuous_deployment_policy, Id=policy, IfMatch="E000000000000")
client.delete_continuous_deployment_policy(Id=policy, IfMatch=policy_etag())
refused("NoSuchContinuousDeploymentPolicy", 404, client.get_continuous_deployment_policy, Id=policy)
put(staging, Enabled=False)
refused("DistributionNotDisabled", 409, client.delete_distribution, Id=staging, IfMatch=get(staging)[1])
drop(staging)
refused("NoSuchDistribution", 404, client.get_distribution, Id=staging)
put(other, Enabled=False)
drop(other)

# Aliases are unique over all accounts; pages end by their marker.
named = {"ACMCertificateArn": "arn:aws:acm:us-east-1:111111111111:certificate/www", "SSLSupportMethod": "sni-only"}
put(primary, Aliases={"Quantity": 1, "Items": ["www.example.com"]}, ViewerCertificate=named)
refused("CNAMEAlreadyExists", 409, client.create_distribution, DistributionConfig=config("x", Aliases={"Quantity": 1, "Items": ["www.example.com"]}, ViewerCertificate=named))
for index in range(120):
    client.create_distribution(DistributionConfig=config(f"page-{index}"))
pages = list(client.get_paginator("list_distributions").paginate())
ids = [d["Id"] for page in pages for d in page["DistributionList"].get("Items", [])]
ok(len(pages) == 2 and len(ids) == len(set(ids)) == 121, "121 distributions on two pages")

# A bad signature and an unknown operation answer as AWS does.
wrong = boto3.client("cloudfront", aws_access_key_id=boto3.Session().get_credentials().access_key, aws_secret_access_key="wrong")
refused("SignatureDoesNotMatch", 403, wrong.list_distributions)
wrong = boto3.client("cloudfront", aws_access_key_id="AKIDUNKNOWN", aws_secret_access_key="wrong")
refused("InvalidClientTokenId", 403, wrong.list_distributions)
try:
    client.list_streaming_distributions()
    sys.exit("an operation that is not served was answered")
except botocore.exceptions.ClientError as error:
    ok(error.response["Error"]["Code"], "an AWS-shaped error")
print(f"{checks} checks of the trio passed")
