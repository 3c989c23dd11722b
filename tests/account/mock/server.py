"""A mock of AWS's control plane: moto's server with additions, and with a record of Terraform's calls.

It stores resources and answers as AWS documents it. It runs nothing: no Kafka, no Postgres, no function.
"""

import io
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.request import Request
from moto.core.serialize import get_serializer_class
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from . import bills_and_hosts, gaps
from .calls import Call, identify
from .cloud_control import CloudControl
from .msk import Msk

ACCOUNT = "123456789012"


class Mock:
    """The server. `recorded` contains Terraform's calls in their order. The phase of a call is its access key."""

    def __init__(self, region: str) -> None:
        gaps.fill()
        bills_and_hosts.fill()
        self.msk = Msk(ACCOUNT, region)
        self.cloud_control = CloudControl(ACCOUNT, region, self.msk)
        self.recorded: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=QuietHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Stops the server."""
        self._server.shutdown()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = Request(environ).get_data()
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        request = Request(environ)
        call = identify(request)
        by_terraform = "Terraform/" in request.headers.get("User-Agent", "")
        own = call and self._own(call)
        if own:
            with self._lock:
                answer = own(call, by_terraform)
        else:
            environ["wsgi.input"] = io.BytesIO(body)
            answer = self._moto
        statuses: list[str] = []

        def started(status: str, *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, *rest)

        try:
            result = answer(environ, started)
        except NotImplementedError as gap:
            # Names the missing operation. Otherwise Terraform would report only a broken answer.
            result = Response(f"{call}: {gap} (tests/account/mock/gaps.py)", 501)(environ, started)
        if call and by_terraform:
            self._record(call, statuses[0].split()[0])
        return result

    def _own(self, call: Call) -> Callable[[Call, bool], Response] | None:
        """The function that answers this call instead of moto. None if moto answers it."""
        if call.service == "kafka":
            return lambda call, _: serialized(call, self.msk.answer)
        if call.service == "cloudcontrol" or str(call) == "cloudformation:DescribeType":
            return self._by_cloud_control
        return None

    def _by_cloud_control(self, call: Call, by_terraform: bool) -> Response:
        # Cloud Control acts with the permissions of its caller, so its own calls are recorded for the caller.
        for action in self.cloud_control.permissions(call) if by_terraform else []:
            service, _, operation = action.partition(":")
            self._append(call.caller, service, operation, "", via="cloudcontrol")
        return serialized(call, self.cloud_control.answer)

    def _record(self, call: Call, status: str) -> None:
        where = {"method": call.request.method, "path": call.request.path}
        self._append(call.caller, call.service, call.operation, status, **where)

    def _append(self, phase: str, service: str, operation: str, status: str, **more: str) -> None:
        known = {"phase": phase, "service": service, "operation": operation, "status": status}
        self.recorded.append(known | more)


class QuietHandler(MotoRequestHandler):
    """A handler that does not log requests."""

    def log(self, *_: Any) -> None:
        """Logs nothing."""


def serialized(call: Call, answer: Callable[[Call], dict[str, Any]]) -> Response:
    """The answer, or the service's error, in the protocol of the service."""
    serializer = get_serializer_class(call.service, str(call.model.service_model.protocol))(call.model)
    try:
        result = answer(call)
    except ServiceException as error:
        result = error
    response = serializer.serialize(result)
    return Response(response["body"], response["status_code"], response["headers"])
