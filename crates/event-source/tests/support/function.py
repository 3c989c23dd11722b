#!/usr/bin/env python3
"""A function for the tests: writes down what it is given; what it answers is said by a file."""

import json
import os
import time
import urllib.request

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"
FOLDER = os.environ["FOLDER"]


def handle(event):
    with open(f"{FOLDER}/mode") as mode_file:
        mode = mode_file.read()
    if mode == "slow":
        time.sleep(20)
    records = [(key, record) for key, records in event["records"].items() for record in records]
    lines = "".join(f"{record['partition']} {record['offset']}\n" for _, record in records)
    with open(f"{FOLDER}/{'failed' if mode == 'fail' else 'delivered'}", "a") as log:
        log.write(lines)
    if mode == "fail":
        return {"errorType": "Told", "errorMessage": "to fail"}, "error"
    failures = [
        {"itemIdentifier": {"partition": key, "offset": record["offset"]}}
        for key, record in records
        # Every tenth record is reported, unless it comes alone with other tenths: then it was reported before.
        if mode == "tenths" and record["offset"] % 10 == 0 and any(r["offset"] % 10 for _, r in records)
    ]
    return {"batchItemFailures": failures}, "response"


while True:
    with urllib.request.urlopen(RUNTIME + "next") as invocation:
        request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        answer, kind = handle(json.load(invocation))
    url = f"{RUNTIME}{request_id}/{kind}"
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(answer).encode(), method="POST")).close()
