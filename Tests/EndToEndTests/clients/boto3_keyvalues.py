"""boto3 over every operation on the contents of key value stores that the lab serves; their names are the first argument.

botocore signs them with Signature Version 4A (it needs awscrt for that) and puts the account before the host; both are
checked here, and a Version 4 signature too. The lab has a short propagation; its variables are in the environment.
"""
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.exceptions

# Names under an address are none that a resolver knows.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1" if host.endswith("127.0.0.1") else host, *rest, **more)

served = set(sys.argv[1].split(","))
called = set()
signatures = set()
checks = 0
plane = boto3.client("cloudfront")
client = boto3.client("cloudfront-keyvaluestore")
client.meta.events.register("before-call.cloudfront-keyvaluestore", lambda model, **_: called.add(model.name))


def sent(request, **_):
    stated = request.headers["Authorization"]
    stated = stated.decode() if isinstance(stated, bytes) else stated
    signatures.add((stated.split(" ")[0], request.url.split("/")[2].split(".")[0]))


client.meta.events.register("before-send.cloudfront-keyvaluestore", sent)


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
        declared = {s.name for s in client.meta.service_model.operation_model(error.operation_name).error_shapes}
        ok(code in declared, f"{error.operation_name} declares {code}")
        ok(error.response["Error"]["Message"], "a message")
        return
    sys.exit(f"not refused with {code}: {call.__name__}")


arn = plane.create_key_value_store(Name="kvs")["KeyValueStore"]["ARN"]
it = client.describe_key_value_store(KvsARN=arn)
ok((it["Status"], it["ItemCount"], it["TotalSizeInBytes"]) == ("PROVISIONING", 0, 0), f"a store begins empty: {it}")
refused("ConflictException", 409, client.list_keys, KvsARN=arn)
while client.describe_key_value_store(KvsARN=arn)["Status"] != "READY":
    time.sleep(0.05)
first = client.describe_key_value_store(KvsARN=arn)["ETag"]
ok(first != plane.describe_key_value_store(Name="kvs")["ETag"], "contents have a version of their own")

put = client.put_key(KvsARN=arn, Key="a/\u00e9 ?*", Value="one", IfMatch=first)
ok(put["ETag"] != first and put["ItemCount"] == 1 and put["TotalSizeInBytes"] == 10, f"a key is put: {put}")
read = client.get_key(KvsARN=arn, Key="a/\u00e9 ?*")
ok((read["Key"], read["Value"], read["ItemCount"]) == ("a/\u00e9 ?*", "one", 1), f"a key reads back: {read}")
refused("ResourceNotFoundException", 404, client.get_key, KvsARN=arn, Key="none")
refused("ConflictException", 409, client.put_key, KvsARN=arn, Key="b", Value="two", IfMatch=first)
refused("ValidationException", 400, client.put_key, KvsARN=arn, Key="b", Value="x" * 1025, IfMatch=put["ETag"])
refused("ValidationException", 400, client.put_key, KvsARN=arn, Key="k" * 513, Value="x", IfMatch=put["ETag"])
many = client.update_keys(KvsARN=arn, IfMatch=put["ETag"], Puts=[{"Key": f"k{n:02}", "Value": str(n)} for n in range(49)], Deletes=[{"Key": "a/\u00e9 ?*"}])
ok(many["ItemCount"] == 49, "fifty changes at once")
refused("ResourceNotFoundException", 404, client.update_keys, KvsARN=arn, IfMatch=many["ETag"], Puts=[{"Key": "new", "Value": "1"}], Deletes=[{"Key": "none"}])
refused("ResourceNotFoundException", 404, client.get_key, KvsARN=arn, Key="new")
refused("ValidationException", 400, client.update_keys, KvsARN=arn, IfMatch=many["ETag"], Puts=[{"Key": "k", "Value": "1"}] * 2)
refused("ValidationException", 400, client.update_keys, KvsARN=arn, IfMatch=many["ETag"], Puts=[{"Key": f"n{n}", "Value": "1"} for n in range(51)])
items, token, pages = [], {}, 0
while True:
    page = client.list_keys(KvsARN=arn, MaxResults=20, **token)
    items += page["Items"]
    pages += 1
    if not page.get("NextToken"):
        break
    token = {"NextToken": page["NextToken"]}
ok(pages == 3 and items == [{"Key": f"k{n:02}", "Value": str(n)} for n in range(49)], "keys in pages")
ok(len(client.list_keys(KvsARN=arn)["Items"]) == 10, "ten a page unless asked")
gone = client.delete_key(KvsARN=arn, Key="k00", IfMatch=many["ETag"])
ok(gone["ItemCount"] == 48 and gone["ETag"] == client.describe_key_value_store(KvsARN=arn)["ETag"], "a key is deleted")
refused("ResourceNotFoundException", 404, client.describe_key_value_store, KvsARN=arn + "0")
refused("AccessDeniedException", 403, client.describe_key_value_store, KvsARN=arn.replace("1" * 12, "2" * 12))
wrong = boto3.client("cloudfront-keyvaluestore", aws_secret_access_key="wrong", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"])
try:
    wrong.list_keys(KvsARN=arn)
    sys.exit("a wrong secret is accepted")
except botocore.exceptions.ClientError as error:
    ok(error.response["Error"]["Code"] == "SignatureDoesNotMatch", f"a wrong secret: {error}")

# The older signature, on the address itself.
request = botocore.awsrequest.AWSRequest("GET", f"{os.environ['AWS_ENDPOINT_URL']}/key-value-stores/{urllib.request.quote(arn, safe='')}/keys")
botocore.auth.SigV4Auth(boto3.Session().get_credentials(), "cloudfront-keyvaluestore", "us-east-1").add_auth(request)
plain = urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers)))
ok(len(json.load(plain)["Items"]) == 10, "Signature Version 4 is accepted too")

ok(signatures == {("AWS4-ECDSA-P256-SHA256", "1" * 12), ("AWS4-ECDSA-P256-SHA256", "2" * 12)}, f"signatures and hosts: {signatures}")
ok(called == served, f"never called: {sorted(served - called)}; not listed: {sorted(called - served)}")
print(f"{len(called)} operations, {checks} checks passed")
