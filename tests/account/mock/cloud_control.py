"""Cloud Control, which moto lacks, for the three types that the modules use.

The schemas are those that AWS publishes, from the package cfn-lint. They say which properties are required, which
cannot change, which are never shown, and which permissions each handler uses. moto's own services store secrets and
permissions, and `Msk` stores topics.
"""

import json
import secrets
import uuid
from pathlib import Path
from typing import Any

import cfnlint
import jsonpatch
from moto.awslambda.models import lambda_backends
from moto.core.exceptions import ServiceException
from moto.core.utils import camelcase_to_underscores
from moto.secretsmanager.models import secretsmanager_backends

from .calls import Call
from .msk import Msk

HANDLERS = {"CreateResource": "create", "GetResource": "read", "UpdateResource": "update", "DeleteResource": "delete"}


class InvalidRequest(ServiceException):
    code = "InvalidRequestException"


class NotUpdatable(ServiceException):
    code = "NotUpdatableException"


class NotFound(ServiceException):
    code = "ResourceNotFoundException"


class CloudControl:
    """The API, with the resources that were created through it, by type and identifier."""

    def __init__(self, account: str, region: str, msk: Msk) -> None:
        self.account, self.region, self.msk = account, region, msk
        self.resources: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: dict[str, dict[str, Any]] = {}
        self._schemas: dict[str, dict[str, Any]] = {}

    def answer(self, call: Call) -> dict[str, Any]:
        """Answers one call."""
        return getattr(self, camelcase_to_underscores(call.operation))(**call.parameters())

    def permissions(self, call: Call) -> list[str]:
        """The IAM actions that the type's handler uses for this call, by its schema."""
        handler = HANDLERS.get(call.operation)
        schema = self.schema(call.parameters()["TypeName"]) if handler else {}
        return schema.get("handlers", {}).get(handler, {}).get("permissions", [])

    def schema(self, type_name: str) -> dict[str, Any]:
        """The published schema of a type in this region."""
        if type_name not in self._schemas:
            folder = Path(cfnlint.__file__).parent / "data" / "schemas"
            known = json.loads((folder / "providers" / f"{self.region}.json").read_text())
            self._schemas[type_name] = json.loads((folder / "resources" / f"{known[type_name]}.json").read_text())
        return self._schemas[type_name]

    # ---- The API -----------------------------------------------------------------------------------------------------

    def describe_type(self, TypeName: str, **_: Any) -> dict[str, Any]:
        """An operation of CloudFormation. The provider checks a plan with the schema that it returns."""
        return {"TypeName": TypeName, "Type": "RESOURCE", "Schema": json.dumps(self.schema(TypeName))}

    def create_resource(self, TypeName: str, DesiredState: str, **_: Any) -> dict[str, Any]:
        """Creates a resource. Refuses properties that the schema does not allow."""
        schema, wanted = self.schema(TypeName), json.loads(DesiredState)
        missing = set(schema.get("required", [])) - set(wanted)
        unknown = set(wanted) - set(schema["properties"]) | set(wanted) & names(schema, "readOnlyProperties")
        if missing or unknown:
            raise InvalidRequest(f"Model validation failed: missing {sorted(missing)}, not allowed {sorted(unknown)}.")
        made = wanted | getattr(self, "_create_" + kind(TypeName))(wanted)
        identifier = "|".join(made[name.rpartition("/")[2]] for name in schema["primaryIdentifier"])
        self.resources[TypeName, identifier] = made
        return self._request("CREATE", TypeName, identifier)

    def get_resource(self, TypeName: str, Identifier: str, **_: Any) -> dict[str, Any]:
        """Returns a resource without its write-only properties."""
        hidden = names(self.schema(TypeName), "writeOnlyProperties")
        shown = {name: value for name, value in self._resource(TypeName, Identifier).items() if name not in hidden}
        description = {"Identifier": Identifier, "Properties": json.dumps(shown)}
        return {"TypeName": TypeName, "ResourceDescription": description}

    def update_resource(self, TypeName: str, Identifier: str, PatchDocument: str, **_: Any) -> dict[str, Any]:
        """Changes a resource. Refuses changes of create-only and read-only properties."""
        schema, current = self.schema(TypeName), self._resource(TypeName, Identifier)
        hidden = names(schema, "writeOnlyProperties")
        # Cloud Control applies the patch to the properties that the read handler returns. Therefore a write-only
        # property is lost unless the patch contains it.
        shown = {name: value for name, value in current.items() if name not in hidden}
        shown |= self._hidden(current, hidden, PatchDocument)
        wanted = jsonpatch.apply_patch(shown, json.loads(PatchDocument))
        fixed = names(schema, "createOnlyProperties") | names(schema, "readOnlyProperties")
        changed = {name for name in fixed if current.get(name) != wanted.get(name)}
        if changed or "update" not in schema["handlers"]:
            raise NotUpdatable(f"{sorted(changed)} cannot change in place.")
        current.clear()
        current |= wanted
        return self._request("UPDATE", TypeName, Identifier)

    def delete_resource(self, TypeName: str, Identifier: str, **_: Any) -> dict[str, Any]:
        """Deletes a resource, also in the service that stores it."""
        resource = self._resource(TypeName, Identifier)
        getattr(self, "_delete_" + kind(TypeName))(resource)
        del self.resources[TypeName, Identifier]
        return self._request("DELETE", TypeName, Identifier)

    def get_resource_request_status(self, RequestToken: str) -> dict[str, Any]:
        """Reports every request as successful."""
        return {"ProgressEvent": self.requests[RequestToken] | {"OperationStatus": "SUCCESS"}}

    def _request(self, operation: str, type_name: str, identifier: str) -> dict[str, Any]:
        event = {"Operation": operation, "TypeName": type_name, "Identifier": identifier}
        event["RequestToken"] = str(uuid.uuid4())
        self.requests[event["RequestToken"]] = event
        return {"ProgressEvent": event | {"OperationStatus": "IN_PROGRESS"}}

    def _resource(self, type_name: str, identifier: str) -> dict[str, Any]:
        if (type_name, identifier) not in self.resources:
            raise NotFound(f"Resource of type '{type_name}' with identifier '{identifier}' was not found.")
        return self.resources[type_name, identifier]

    @staticmethod
    def _hidden(current: dict[str, Any], hidden: set[str], patch: str) -> dict[str, Any]:
        replaced = {change["path"].lstrip("/") for change in json.loads(patch) if change["op"] == "replace"}
        return {name: current[name] for name in hidden & replaced & set(current)}

    # ---- The types ---------------------------------------------------------------------------------------------------

    def _create_topic(self, wanted: dict[str, Any]) -> dict[str, Any]:
        cluster = self.msk.clusters.get(wanted["ClusterArn"])
        if cluster is None or cluster["State"] != "ACTIVE":
            raise NotFound(f"The cluster {wanted['ClusterArn']} does not exist or is not active.")
        arn = f"{wanted['ClusterArn'].replace(':cluster/', ':topic/')}/{wanted['TopicName']}"
        self.msk.topics[arn] = wanted
        return {"TopicArn": arn}

    def _delete_topic(self, topic: dict[str, Any]) -> None:
        self.msk.topics.pop(topic["TopicArn"], None)

    def _create_secret(self, wanted: dict[str, Any]) -> dict[str, Any]:
        value = secrets.token_urlsafe(wanted["GenerateSecretString"]["PasswordLength"])
        backend = secretsmanager_backends[self.account][self.region]
        secret = json.loads(
            backend.create_secret(
                name=wanted["Name"],
                secret_string=value,
                secret_binary=None,
                description=wanted.get("Description"),
                tags=wanted.get("Tags"),
                kms_key_id=wanted.get("KmsKeyId"),
                client_request_token=None,
                replica_regions=[],
                force_overwrite=False,
            )
        )
        return {"Id": secret["ARN"]}

    def _delete_secret(self, secret: dict[str, Any]) -> None:
        backend = secretsmanager_backends[self.account][self.region]
        backend.delete_secret(secret["Id"], recovery_window_in_days=None, force_delete_without_recovery=True)

    def _create_permission(self, wanted: dict[str, Any]) -> dict[str, Any]:
        statement = str(uuid.uuid4())
        backend = lambda_backends[self.account][self.region]
        name, _, qualifier = wanted["FunctionName"].partition(":")
        asked = {key: wanted[key] for key in ("Action", "Principal", "SourceArn", "SourceAccount") if key in wanted}
        made = backend.add_permission(name, qualifier or None, json.dumps({"StatementId": statement, **asked}))
        if wanted.get("InvokedViaFunctionUrl"):
            made["Condition"] = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
        return {"Id": statement}

    def _delete_permission(self, permission: dict[str, Any]) -> None:
        name, _, _qualifier = permission["FunctionName"].partition(":")
        lambda_backends[self.account][self.region].remove_permission(name, permission["Id"])


def kind(type_name: str) -> str:
    """The last part of a type's name in lower case, for example `topic`."""
    return type_name.rpartition("::")[2].lower()


def names(schema: dict[str, Any], group: str) -> set[str]:
    """The names of the properties in a group of the schema, for example `readOnlyProperties`."""
    return {pointer.rpartition("/")[2] for pointer in schema.get(group, [])}
