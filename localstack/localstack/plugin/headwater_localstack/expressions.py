"""Evaluates JSONata in Python.

LocalStack starts a Java machine in its process for this. It fetches Java and the libraries from the network when the
first state machine runs. A JSONata in Python is in requirements.txt, but not in LocalStack's image: there Java stays.
"""

import json

from localstack.runtime import hooks
from localstack.services.stepfunctions.asl.jsonata import jsonata as evaluation

try:
    from jsonata import Jsonata
except ImportError:
    Jsonata = None


def evaluate(expression):
    try:
        # Converted to plain values, because the library has its own list types.
        return json.loads(json.dumps(Jsonata.jsonata(expression).evaluate(None)))
    except Exception as error:
        raise evaluation.JSONataException("UNKNOWN", str(error)) from error


@hooks.on_infra_start(should_load=lambda: Jsonata is not None)
def headwater_evaluate_expressions():
    evaluation._eval_jsonata = evaluate
