"""Runs LocalStack's Lambda invocations on Headwater's function runner.

LocalStack's own executor starts a container for each function. This executor posts each invocation to the Invoke API
of the bridge of `headwater up`, and returns the answer. LocalStack still does the rest: names, versions and aliases,
the queue of asynchronous invocations with retries and destinations, concurrency limits, event source mappings, metrics.

The executor is the lowest layer of LocalStack that can be replaced. An executor that returns the answer itself does not
need LocalStack's protocol, in which a container calls back.
"""

import base64
import os
from urllib.parse import quote

import requests
from localstack import config
from localstack.aws.api.lambda_ import ServiceException, TooManyRequestsException
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor
from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager

# Lambda's maximum time-out, plus some time for the answer. The runner enforces the function's own time-out.
LONGEST_INVOCATION = 910

# The address of the Invoke API.
FUNCTIONS_URL = os.environ.get("HEADWATER_FUNCTIONS_URL", "http://127.0.0.1:4567").rstrip("/")

# Connections to this machine must not use proxies or .netrc of the environment.
SESSION = requests.Session()
SESSION.trust_env = False


class BridgeExecutor(RuntimeExecutor):
    """One execution environment for LocalStack's accounting. The runner owns the processes."""

    def start(self, env_vars):
        pass

    def stop(self):
        pass

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        return "127.0.0.1"

    def get_runtime_endpoint(self):
        return config.internal_service_url()

    def invoke(self, payload):
        return invoke(payload)

    def get_logs(self):
        return "The logs are in the function's log group."

    @classmethod
    def prepare_version(cls, function_version):
        pass

    @classmethod
    def cleanup_version(cls, function_version):
        pass


def invoke(invocation):
    """Posts one invocation and translates the answer. If the function cannot run, raises the error of Lambda's API."""
    url = f"{FUNCTIONS_URL}/2015-03-31/functions/{quote(invocation['invoked-function-arn'], safe='')}/invocations"
    headers = {
        "Content-Type": "application/json",
        "X-Amz-Invocation-Type": "RequestResponse",
        "X-Amz-Log-Type": "Tail",
        "X-Amzn-Trace-Id": invocation["trace-id"],
    }
    try:
        answer = SESSION.post(
            url, data=invocation["payload"].encode(), headers=headers, timeout=(5, LONGEST_INVOCATION)
        )
    except requests.RequestException as error:
        message = (
            f"Headwater's bridge, which runs the functions, does not answer at {FUNCTIONS_URL}: run `headwater up`"
        )
        raise ServiceException(message) from error
    if answer.status_code != 200:
        raise refused(answer)
    return InvocationResult(
        request_id=invocation["invoke-id"],
        payload=answer.content,
        is_error="X-Amz-Function-Error" in answer.headers,
        logs=base64.b64decode(answer.headers.get("X-Amz-Log-Result", "")).decode(errors="replace"),
    )


def refused(answer):
    try:
        body = answer.json()
        message = body.get("message") or body.get("Message") or answer.text
    except ValueError:
        message = answer.text
    if answer.status_code == 429:
        return TooManyRequestsException(message)
    return ServiceException(f"the function runner answered {answer.status_code}: {message}")


class BridgeExecutorPlugin(RuntimeExecutorPlugin):
    name = "headwater"

    def load(self, *args, **kwargs):
        # The runner has already written the function's output to its log group.
        LambdaVersionManager.store_logs = lambda *args, **kwargs: None
        return BridgeExecutor
