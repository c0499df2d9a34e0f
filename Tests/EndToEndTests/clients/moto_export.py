"""Makes in moto what a distribution of another account's owner would refer to; prints what it made as JSON."""
import io, json, sys, zipfile
import boto3

url = sys.argv[1]


def client(name, region="us-east-1"):
    return boto3.client(name, endpoint_url=url, region_name=region)


key = client("kms", "eu-west-1").create_key()["KeyMetadata"]["Arn"]
s3 = client("s3", "eu-west-1")
s3.create_bucket(Bucket="assets-1", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
s3.put_bucket_policy(Bucket="assets-1", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Sid": "cdn", "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"},
     "Action": "s3:GetObject", "Resource": "arn:aws:s3:::assets-1/*"}]}))
s3.put_bucket_encryption(Bucket="assets-1", ServerSideEncryptionConfiguration={"Rules": [
    {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]})
certificate = client("acm").request_certificate(DomainName="www.example.com")["CertificateArn"]
waf = client("wafv2")
ips = waf.create_ip_set(Name="blocked", Scope="CLOUDFRONT", IPAddressVersion="IPV4",
                        Addresses=["192.0.2.0/24"])["Summary"]["ARN"]
visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
acl = waf.create_web_acl(
    Name="acl", Scope="CLOUDFRONT", DefaultAction={"Allow": {}}, VisibilityConfig=visible,
    Rules=[{"Name": "r", "Priority": 0, "Action": {"Block": {}}, "VisibilityConfig": visible,
            "Statement": {"IPSetReferenceStatement": {"ARN": ips}}}])["Summary"]["ARN"]
with open(sys.argv[2]) as pem:
    client("iam").upload_server_certificate(
        Path="/cloudfront/", ServerCertificateName="uploaded", CertificateBody=pem.read(), PrivateKey="key")
role = client("iam").create_role(RoleName="edge", AssumeRolePolicyDocument=json.dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                            "Principal": {"Service": "lambda.amazonaws.com"}}]}))["Role"]["Arn"]
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as archive:
    archive.writestr("index.js", "exports.handler = async (e) => e.Records[0].cf.request")
function = client("lambda").create_function(
    FunctionName="edge", Runtime="nodejs22.x", Role=role, Handler="index.handler",
    Code={"ZipFile": code.getvalue()}, Publish=True)
function = function["FunctionArn"]
if function.count(":") == 6:
    function += ":1"
cloudfront = client("cloudfront")
oac = cloudfront.create_origin_access_control(OriginAccessControlConfig={
    "Name": "oac", "SigningProtocol": "sigv4", "SigningBehavior": "always",
    "OriginAccessControlOriginType": "s3"})["OriginAccessControl"]["Id"]
distribution = cloudfront.create_distribution(DistributionConfig={
    "CallerReference": "1", "Comment": "", "Enabled": True, "WebACLId": acl,
    "Origins": {"Quantity": 1, "Items": [{
        "Id": "o", "DomainName": "assets-1.s3.eu-west-1.amazonaws.com", "OriginAccessControlId": oac,
        "S3OriginConfig": {"OriginAccessIdentity": ""}}]},
    "ViewerCertificate": {"ACMCertificateArn": certificate, "SSLSupportMethod": "sni-only"},
    "DefaultCacheBehavior": {
        "TargetOriginId": "o", "ViewerProtocolPolicy": "https-only",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "LambdaFunctionAssociations": {"Quantity": 1, "Items": [
            {"LambdaFunctionARN": function, "EventType": "viewer-request"}]}}})["Distribution"]
logs = client("logs")
logs.create_log_group(logGroupName="edge")
logs.put_delivery_source(name="edge", resourceArn=distribution["ARN"], logType="ACCESS_LOGS")
to = logs.put_delivery_destination(name="to", deliveryDestinationConfiguration={
    "destinationResourceArn": "arn:aws:logs:us-east-1:123456789012:log-group:edge"})["deliveryDestination"]["arn"]
logs.create_delivery(deliverySourceName="edge", deliveryDestinationArn=to)
print(json.dumps({"distribution": distribution["Id"], "certificate": certificate, "webACL": acl,
                  "function": function, "key": key, "control": oac}))
