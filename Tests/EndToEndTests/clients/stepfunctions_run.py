"""Executes a state machine with moto's interpreter: stepfunctions_run.py DEFINITION MODE [EDGEFERRY]

MODE `real`: the Lambda function runs the binary EDGEFERRY in the current folder, as docs/commands/plans.md has it.
MODE JSON: for each execution the list of the function's answers, one for each call; `"until": N` is N seconds
from the call. Prints a line of JSON: for each execution {status, error, cause, calls, states}.
"""
import datetime
import io
import json
import os
import subprocess
import sys
import time
import zipfile

import boto3
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend

definition = open(sys.argv[1]).read()
scenes = [None] if sys.argv[2] == "real" else json.loads(sys.argv[2])
answers, calls = None, []
# The variables of AWS are for the function: they may point at a lab.
variables = dict(os.environ)
for name in [it for it in os.environ if it.startswith("AWS_")]:
    del os.environ[name]


def handler(event, context):
    done = subprocess.run([sys.argv[3], *event["arguments"]], capture_output=True, text=True,
                          env=variables)
    status = json.loads(done.stdout) if done.stdout.strip() else {}
    reason = status.get("reason") or done.stderr[-2000:]
    return {"exit": done.returncode, "until": status.get("until"), "reason": reason}


def invoke(self, function_name, qualifier, body, headers, response_headers):
    event = json.loads(body)
    answer = answers.pop(0) if answers is not None else handler(event, None)
    if isinstance(answer.get("until"), int):
        then = datetime.datetime.fromtimestamp(time.time() + answer["until"], datetime.timezone.utc)
        answer["until"] = then.strftime("%Y-%m-%dT%H:%M:%SZ")
    calls.append({"function": function_name, "event": event, "answer": answer, "at": time.time()})
    return json.dumps(answer).encode()


LambdaSimpleBackend.invoke = invoke



def execute():
    keys = dict(region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    role = boto3.client("iam", **keys).create_role(RoleName="ferry", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    zipfile.ZipFile(code, "w").writestr("f.py", "")
    boto3.client("lambda", **keys).create_function(
        FunctionName="ferry", Runtime="python3.12", Role=role, Handler="f.handler",
        Code={"ZipFile": code.getvalue()})
    client = boto3.client("stepfunctions", **keys)
    machine = client.create_state_machine(name="ferry", definition=definition, roleArn=role)["stateMachineArn"]
    run = client.start_execution(stateMachineArn=machine, input='{"function":"ferry"}')["executionArn"]
    deadline = time.time() + 120
    while (it := client.describe_execution(executionArn=run))["status"] == "RUNNING" and time.time() < deadline:
        time.sleep(0.05)
    events = client.get_execution_history(executionArn=run, maxResults=1000)["events"]
    states = [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]
    return {"status": it["status"], "error": it.get("error"), "cause": it.get("cause"), "calls": calls,
            "states": states}


results = []
for answers in scenes:
    # A moto of its own for each: it copies a machine whole, with the locks of its earlier executions.
    calls = []
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}):
        results.append(execute())
print(json.dumps(results))
