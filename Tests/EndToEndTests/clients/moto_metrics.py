"""moto's CloudWatch with a few counts of CloudFront's, put there by boto3.

Prints one line of JSON: where it listens. Ends when whoever started it does.
"""

import datetime
import json
import os
import sys
import time

import boto3
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

sys.stderr = open(os.devnull, "w")
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
endpoint = "http://%s:%d" % server.get_host_and_port()
keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
cloudwatch = boto3.client("cloudwatch", region_name="us-east-1", endpoint_url=endpoint, **keys)
minute = datetime.datetime.fromtimestamp(int(sys.argv[1]), datetime.timezone.utc)
for identity, region, offset, value, *metric in [
    ("E1", "Global", 0, 5),
    ("E1", "Global", 20, 2),
    ("E1", "Global", 120, 1),
    ("E2", "Global", 60, 7),
    ("E2", "Elsewhere", 60, 1000),
    ("E1", "Global", 0, 50, "5xxErrorRate"),
    ("E1", "Global", 120, 100, "5xxErrorRate"),
    ("E1", "Global", 120, 25, "4xxErrorRate"),
]:
    cloudwatch.put_metric_data(
        Namespace="AWS/CloudFront",
        MetricData=[
            {
                "MetricName": (metric or ["Requests"])[0],
                "Dimensions": [
                    {"Name": "DistributionId", "Value": identity},
                    {"Name": "Region", "Value": region},
                ],
                "Timestamp": minute + datetime.timedelta(seconds=offset),
                "Value": value,
            }
        ],
    )
print(json.dumps({"endpoint": endpoint}), flush=True)
parent = os.getppid()
while os.getppid() == parent and os.getppid() != 1:
    time.sleep(0.5)
os._exit(0)
