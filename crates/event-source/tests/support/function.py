#!/usr/bin/env python3
"""A function for the tests: writes down what it is given; what it answers is said by a file."""

import json
import os
import time
import urllib.request

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"
FOLDER = os.environ["FOLDER"]


def append(name, text):
    with open(f"{FOLDER}/{name}", "a") as log:
        log.write(text)


def handle_messages(messages, mode):
    """A batch of a queue, whose bodies are numbers or have one after a group's name."""
    if mode == "slow":
        append("begun", "\n")
        time.sleep(0.5)
    seen = [(m["messageId"], m["body"], int(m["attributes"]["ApproximateReceiveCount"])) for m in messages]
    again = {"tenths": "0", "fives": "5"}.get(mode)
    failures = [identifier for identifier, body, count in seen if again and body.endswith(again) and count == 1]
    fails = mode == "fail" or (mode == "fives" and failures)
    lines = "".join(f"{body} {count} {len(messages)}\n" for _, body, count in seen)
    append("failed" if fails else "delivered", lines)
    if mode == "slow":
        append("ended", "\n")
    if fails:
        return {"errorType": "Told", "errorMessage": "to fail"}, "error"
    if mode == "unknown":
        failures = ["nobody"]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failures]}, "response"


def handle(event):
    with open(f"{FOLDER}/mode") as mode_file:
        mode = mode_file.read()
    if "Records" in event:
        return handle_messages(event["Records"], mode)
    if mode == "slow":
        time.sleep(20)
    records = [(key, record) for key, records in event["records"].items() for record in records]
    lines = "".join(f"{record['partition']} {record['offset']}\n" for _, record in records)
    append("failed" if mode == "fail" else "delivered", lines)
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
