"""Corrects moto 5.2 where it lacks operations or differs from AWS. Each function describes one difference."""

import inspect
import json
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.awslambda.models import EventSourceMapping, LambdaBackend, LambdaFunction
from moto.core.exceptions import JsonRESTError
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.emrserverless.models import Application, EMRServerlessBackend
from moto.emrserverless.responses import EMRServerlessResponse
from moto.iam.access_control import PermissionResult
from moto.rds.models import DBInstance, DBParameterGroup
from moto.s3.models import FakeBucket
from moto.sqs.models import Queue
from moto.stepfunctions.responses import StepFunctionResponse


def fill() -> None:
    """Applies all corrections. Call it once, before the server starts."""
    invocations_succeed()
    mappings_read_kafka()
    emr_applications_are_as_asked()
    scalable_targets_have_tags()
    bucket_policies_admit_tls()
    state_machines_are_read_whole()
    security_group_rules_are_described()
    databases_are_shown_whole()
    queues_keep_what_they_were_told()


def invocations_succeed() -> None:
    """moto runs a function's code in Docker. The mock has no code to run, so every invocation answers null."""
    LambdaFunction._invoke_lambda = lambda *_, **__: ("null", False, "")


def mappings_read_kafka() -> None:
    """moto supports only mappings of queues, tables and streams, and shows an alias as the version of the alias.

    Our mappings name the alias by its ARN, which is what AWS shows. No two mappings of a function read the same topic.
    """

    class KafkaMapping(EventSourceMapping):
        event_source_arn = None
        batch_size = None

        def __init__(self, spec: dict[str, Any]) -> None:
            super().__init__(spec)
            self.starting_position = spec.get("StartingPosition")
            self.batch_size = spec.get("BatchSize", 100)

    create, update = LambdaBackend.create_event_source_mapping, LambdaBackend.update_event_source_mapping

    def create_event_source_mapping(self: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
        if spec["EventSourceArn"].startswith("arn:aws:kafka:"):
            wanted = (spec["EventSourceArn"], spec["FunctionName"], spec["Topics"])
            for other in self._event_source_mappings.values():
                if wanted == (other.event_source_arn, other.function_arn, other.topics):
                    raise JsonRESTError("ResourceConflictException", "The event source mapping exists already.")
            region = {"RegionName": self.region_name, "AccountId": self.account_id}
            mapping = KafkaMapping(spec | region | {"FunctionArn": spec["FunctionName"]})
            self._event_source_mappings[mapping.uuid] = mapping
        else:
            mapping = create(self, spec)
        mapping.function_arn = spec["FunctionName"]
        return mapping

    def update_event_source_mapping(self: LambdaBackend, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
        mapping = update(self, uuid, spec)
        if mapping and "FunctionName" in spec:
            mapping.function_arn = spec["FunctionName"]
        return mapping

    LambdaBackend.create_event_source_mapping = create_event_source_mapping
    LambdaBackend.update_event_source_mapping = update_event_source_mapping


def emr_applications_are_as_asked() -> None:
    """AWS accepts `spark` and `SPARK`, stores the architecture, and starts an application when it gets its first
    job."""
    initialise = Application.__init__

    def initialised(self: Application, *arguments: Any, **named: Any) -> None:
        initialise(self, *arguments, **named)
        self.state = "CREATED"

    create = EMRServerlessBackend.create_application

    def create_application(self: EMRServerlessBackend, application_type: str, **asked: Any) -> Application:
        return create(self, application_type=application_type.upper(), **asked)

    respond = EMRServerlessResponse.create_application

    def respond_to_create(response: EMRServerlessResponse) -> Any:
        applications = response.emrserverless_backend.applications
        known = set(applications)
        answer = respond(response)
        for made in set(applications) - known:
            applications[made].architecture = response._get_param("architecture") or "X86_64"
        return answer

    Application.__init__ = initialised
    EMRServerlessBackend.create_application = create_application
    EMRServerlessResponse.create_application = respond_to_create


def bucket_policies_admit_tls() -> None:
    """moto ignores the conditions of a bucket's policy: a denial of requests without TLS would deny every request."""
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL


def scalable_targets_have_tags() -> None:
    """moto has no tags in Application Auto Scaling."""
    tags: dict[str, dict[str, str]] = {}

    def known(response: ApplicationAutoScalingResponse) -> dict[str, str]:
        return tags.setdefault(response._get_param("ResourceARN"), {})

    def list_tags_for_resource(response: ApplicationAutoScalingResponse) -> str:
        return json.dumps({"Tags": known(response)})

    def tag_resource(response: ApplicationAutoScalingResponse) -> str:
        known(response).update(response._get_param("Tags"))
        return "{}"

    def untag_resource(response: ApplicationAutoScalingResponse) -> str:
        for key in response._get_param("TagKeys"):
            known(response).pop(key, None)
        return "{}"

    register = ApplicationAutoScalingResponse.register_scalable_target

    def register_scalable_target(response: ApplicationAutoScalingResponse) -> str:
        answer = register(response)
        tags.setdefault(json.loads(answer)["ScalableTargetARN"], {}).update(response._get_param("Tags") or {})
        return answer

    for method in (list_tags_for_resource, tag_resource, untag_resource, register_scalable_target):
        setattr(ApplicationAutoScalingResponse, method.__name__, method)


def state_machines_are_read_whole() -> None:
    """moto can neither validate a definition nor list versions. The mock accepts any JSON and has no versions."""

    def validate_state_machine_definition(response: StepFunctionResponse) -> str:
        json.loads(response._get_param("definition"))
        return json.dumps({"result": "OK", "diagnostics": [], "truncated": False})

    def list_state_machine_versions(_: StepFunctionResponse) -> str:
        return json.dumps({"stateMachineVersions": []})

    StepFunctionResponse.validate_state_machine_definition = validate_state_machine_definition
    StepFunctionResponse.list_state_machine_versions = list_state_machine_versions


def security_group_rules_are_described() -> None:
    """moto shows the description only of rules with addresses, not of those with a group or a prefix list."""
    create = SecurityGroupRule.__init__
    signature = inspect.signature(create)

    def created(self: SecurityGroupRule, *arguments: Any, **named: Any) -> None:
        create(self, *arguments, **named)
        self.prefix_list = signature.bind(self, *arguments, **named).arguments.get("prefix_list_id") or {}

    def description(self: SecurityGroupRule) -> str | None:
        parts = (self.ip_range, self.source_group, self.prefix_list)
        return next((part["Description"] for part in parts if "Description" in part), None)

    SecurityGroupRule.__init__ = created
    SecurityGroupRule.description = property(description)


def databases_are_shown_whole() -> None:
    """moto does not store the settings of Performance Insights, and does not show which parameters the user has set."""
    create, update, set_parameters = DBInstance.__init__, DBInstance.update, DBParameterGroup.update_parameters

    def created(self: DBInstance, *arguments: Any, **named: Any) -> None:
        self.performance_insights_enabled = named.get("enable_performance_insights", False)
        create(self, *arguments, **named)

    def updated(self: DBInstance, **named: Any) -> None:
        update(self, **named)
        self.performance_insights_enabled = named.get("enable_performance_insights", self.performance_insights_enabled)

    def parameters_set(self: DBParameterGroup, parameters: Any) -> None:
        set_parameters(self, [{**parameter, "Source": "user"} for parameter in parameters])

    DBInstance.__init__ = created
    DBInstance.update = updated
    DBParameterGroup.update_parameters = parameters_set


def queues_keep_what_they_were_told() -> None:
    """AWS shows a redrive policy without spaces, and keeps all other attributes when one is changed."""
    shown, change = Queue.attributes.fget, Queue._set_attributes

    def attributes(self: Queue) -> dict[str, Any]:
        result = shown(self)
        if result.get("RedrivePolicy"):
            result["RedrivePolicy"] = json.dumps(json.loads(result["RedrivePolicy"]), separators=(",", ":"))
        return result

    Queue.attributes = property(attributes)

    def changed(self: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        change(self, {"Policy": getattr(self, "policy", None), **attributes}, now)

    Queue._set_attributes = changed
