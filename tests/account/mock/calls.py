"""Finds the AWS service and the operation of a request with the model of the service."""

import re
from typing import Any, NamedTuple

from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

# Services whose name in a signature differs from that of the boto3 client.
CLIENTS = {"monitoring": "cloudwatch", "states": "stepfunctions", "cloudcontrolapi": "cloudcontrol"}


class Call(NamedTuple):
    """One request with its service and operation. `caller` is the access key."""

    service: str
    operation: str
    caller: str
    request: Request
    path_parameters: dict[str, str]

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"

    @property
    def model(self) -> OperationModel:
        """The operation in the service's model."""
        return get_service_model(self.service).operation_model(self.operation)

    def parameters(self) -> dict[str, Any]:
        """The request's parameters under the names of the service's model."""
        parser = PROTOCOL_PARSERS[str(self.model.service_model.protocol)](self.model)
        return parser.parse(
            {
                "method": self.request.method,
                "values": self.request.values,
                "headers": self.request.headers,
                "body": self.request.get_data(),
                "url_path": self.request.path,
                "url_params": self.path_parameters,
            }
        )


def identify(request: Request) -> Call | None:
    """The call of a signed request. None if the request has no signature."""
    scope = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request", request.headers.get("Authorization", ""))
    if scope is None:
        return None
    caller, name = scope.groups()
    service = CLIENTS.get(name, name)
    target = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
    rpc = re.fullmatch(r"/service/\w+/operation/(\w+)", request.path)
    operation = target or (rpc and rpc[1]) or request.values.get("Action")
    path_parameters: dict[str, str] = {}
    if not operation:
        try:
            model, path_parameters = get_service_router(service).match(request)
            operation = model.name
        except NotFound:
            operation = f"{request.method} {request.path}"
    return Call(service, operation, caller, request, path_parameters)
