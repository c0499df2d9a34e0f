"""A bucket and its key in moto, of the account of a role.

moto_grants.py MOTO make ROLE DISTRIBUTION_ARN: both admit that distribution; prints the key's ARN.
moto_grants.py MOTO show ROLE KEY: prints both policies.
"""

import json
import sys

import boto3

moto, verb, role, name = sys.argv[1:]
region = "eu-west-1"
sts = boto3.client(
    "sts", endpoint_url=moto, region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
)
given = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
keys = {
    "aws_access_key_id": given["AccessKeyId"],
    "aws_secret_access_key": given["SecretAccessKey"],
    "aws_session_token": given["SessionToken"],
}
s3 = boto3.client("s3", endpoint_url=moto, region_name=region, **keys)
kms = boto3.client("kms", endpoint_url=moto, region_name=region, **keys)
bucket = "assets-1"


def statement(sid, action, resource):
    return {
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": action, "Resource": resource,
        "Condition": {"StringEquals": {"AWS:SourceArn": name}},
    }


if verb == "make":
    key = kms.create_key()["KeyMetadata"]["Arn"]
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"].append(statement("cdn", "kms:Decrypt", "*"))
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [
                {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
            ]
        },
    )
    own = [
        {"Sid": "person", "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket",
         "Resource": f"arn:aws:s3:::{bucket}"},
        statement("cdn", "s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
    ]
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": own})
    )
    print(json.dumps({"key": key}))
else:
    print(
        json.dumps(
            {
                "bucket": json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]),
                "key": json.loads(kms.get_key_policy(KeyId=name, PolicyName="default")["Policy"]),
            }
        )
    )
