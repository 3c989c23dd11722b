#!/usr/bin/env python3
import http.client
import json
import os

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
PREFIX = "/2018-06-01/runtime/"


def call(method, path, body=None, headers=None):
    """Calls the Runtime API and returns the response, with its content in `body`."""
    connection = http.client.HTTPConnection(API)
    connection.request(method, PREFIX + path, body, headers or {})
    answer = connection.getresponse()
    answer.body = answer.read()
    return answer


def next_event():
    """Waits for the next event. Returns the request id, the headers and the event."""
    invocation = call("GET", "invocation/next")
    return invocation.headers["Lambda-Runtime-Aws-Request-Id"], invocation.headers, json.loads(invocation.body)
