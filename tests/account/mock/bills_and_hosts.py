"""Adds to moto 5.2 what the budget and the host need: quotas, budgets, associations of Systems Manager, interfaces."""

import json
import uuid
from typing import Any

from moto.budgets.models import BudgetsBackend
from moto.budgets.responses import BudgetsResponse
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse
from moto.ssm.responses import SimpleSystemManagerResponse

CONCURRENCY = {
    "ServiceCode": "lambda",
    "ServiceName": "AWS Lambda",
    "QuotaCode": "L-B99A9384",
    "QuotaName": "Concurrent executions",
    "QuotaArn": "arn:aws:servicequotas:eu-central-1:123456789012:lambda/L-B99A9384",
    "Value": 1000.0,
    "Unit": "None",
    "Adjustable": True,
    "GlobalQuota": False,
}


def fill() -> None:
    """Applies all additions. Call it once, before the server starts."""
    the_quota_of_lambda_is_known()
    budgets_are_shown_whole()
    associations_are_kept()
    instances_have_no_public_address()
    ended_instances_let_their_interfaces_go()


def the_quota_of_lambda_is_known() -> None:
    """moto knows only the quotas of VPCs."""
    get = ServiceQuotasBackend.get_service_quota

    def get_service_quota(self: ServiceQuotasBackend, service_code: str, quota_code: str) -> dict[str, Any]:
        wanted = (CONCURRENCY["ServiceCode"], CONCURRENCY["QuotaCode"])
        return CONCURRENCY if (service_code, quota_code) == wanted else get(self, service_code, quota_code)

    def get_aws_default_service_quota(_: ServiceQuotasResponse) -> str:
        return json.dumps({"Quota": CONCURRENCY})

    ServiceQuotasBackend.get_service_quota = get_service_quota
    ServiceQuotasResponse.get_aws_default_service_quota = get_aws_default_service_quota


def budgets_are_shown_whole() -> None:
    """moto does not store a budget's subscribers and tags, and cannot change a budget."""
    tags: dict[str, list[dict[str, str]]] = {}
    create = BudgetsBackend.create_budget

    def create_budget(self: BudgetsBackend, account_id: str, budget: dict[str, Any], notifications: Any) -> None:
        create(self, account_id, budget, notifications or [])

    def budget_of(response: BudgetsResponse) -> Any:
        return response.backend.budgets[response._get_param("AccountId")][response._get_param("BudgetName")]

    def describe_subscribers_for_notification(response: BudgetsResponse) -> str:
        asked = response._get_param("Notification")
        kept = [one for one in budget_of(response).notifications if same(one.details, asked)]
        return json.dumps({"Subscribers": kept[0].subscribers if kept else []})

    def update_budget(response: BudgetsResponse) -> str:
        new = response._get_param("NewBudget")
        response.backend.budgets[response._get_param("AccountId")][new["BudgetName"]].budget.update(new)
        return "{}"

    def list_tags_for_resource(response: BudgetsResponse) -> str:
        return json.dumps({"ResourceTags": tags.get(response._get_param("ResourceARN"), [])})

    respond = BudgetsResponse.create_budget

    def respond_to_create(response: BudgetsResponse) -> str:
        account, name = response._get_param("AccountId"), response._get_param("Budget")["BudgetName"]
        tags[f"arn:aws:budgets::{account}:budget/{name}"] = response._get_param("ResourceTags") or []
        return respond(response)

    BudgetsBackend.create_budget = create_budget
    BudgetsResponse.create_budget = respond_to_create
    for method in (describe_subscribers_for_notification, update_budget, list_tags_for_resource):
        setattr(BudgetsResponse, method.__name__, method)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two notifications of a budget are the same."""
    names = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    return all(one.get(name) == other.get(name) for name in names)


def associations_are_kept() -> None:
    """moto has no associations in Systems Manager."""
    associations: dict[str, dict[str, Any]] = {}
    asked = (
        ("Name", "AssociationName", "ScheduleExpression", "Targets", "Parameters", "DocumentVersion")
        + ("ApplyOnlyAtCronInterval", "ComplianceSeverity", "MaxConcurrency", "MaxErrors", "OutputLocation")
        + ("AutomationTargetParameterName", "SyncCompliance")
    )

    def described(response: SimpleSystemManagerResponse, identity: str) -> str:
        given = {name: response._get_param(name) for name in asked if response._get_param(name) is not None}
        known = associations.setdefault(identity, {"AssociationId": identity, "AssociationVersion": "1"})
        known.update(given | {"Overview": {"Status": "Success"}, "DocumentVersion": "$DEFAULT"})
        return json.dumps({"AssociationDescription": known})

    def create_association(response: SimpleSystemManagerResponse) -> str:
        return described(response, str(uuid.uuid4()))

    def update_association(response: SimpleSystemManagerResponse) -> str:
        return described(response, response._get_param("AssociationId"))

    def describe_association(response: SimpleSystemManagerResponse) -> Any:
        known = associations.get(response._get_param("AssociationId"))
        if known is None:
            return 400, {"status": 400}, json.dumps({"__type": "AssociationDoesNotExist", "message": "gone"})
        return json.dumps({"AssociationDescription": known})

    def delete_association(response: SimpleSystemManagerResponse) -> str:
        associations.pop(response._get_param("AssociationId"), None)
        return "{}"

    tags, listed = {}, SimpleSystemManagerResponse.list_tags_for_resource

    def list_tags_for_resource(response: SimpleSystemManagerResponse) -> Any:
        if response._get_param("ResourceType") != "Association":
            return listed(response)
        return json.dumps({"TagList": tags.get(response._get_param("ResourceId"), [])})

    def tagged(response: SimpleSystemManagerResponse) -> str:
        answer = create_association(response)
        made = json.loads(answer)["AssociationDescription"]["AssociationId"]
        tags[made] = response._get_param("Tags") or []
        return answer

    methods = {
        "create_association": tagged,
        "update_association": update_association,
        "describe_association": describe_association,
        "delete_association": delete_association,
        "list_tags_for_resource": list_tags_for_resource,
    }
    for name, method in methods.items():
        setattr(SimpleSystemManagerResponse, name, method)


def instances_have_no_public_address() -> None:
    """moto ignores the value `false`, gives an instance no security group if the request describes its interface, and
    shows an empty association."""
    prepare, association = Instance.prep_nics, NetworkInterface.association.fget

    def prep_nics(self: Instance, nic_spec: list[dict[str, Any]], **more: Any) -> None:
        for nic in nic_spec:
            nic.setdefault("AssociatePublicIpAddress", False)
            nic.setdefault("Groups", nic.get("SecurityGroupId") or nic.get("SecurityGroupIds") or [])
        prepare(self, nic_spec, **more)
        if nic_spec and not self.security_groups:
            self.security_groups = list(self.nics[0].group_set)

    Instance.prep_nics = prep_nics
    NetworkInterface.association = property(lambda self: association(self) or None)


def ended_instances_let_their_interfaces_go() -> None:
    """moto leaves interfaces attached to a terminated instance, and refuses to detach them."""
    end = Instance.terminate

    def terminate(self: Instance) -> Any:
        kept = [nic for nic in self.nics.values() if not nic.delete_on_termination]
        before = end(self)
        for nic in kept:
            nic.instance = nic.attachment_id = None
        return before

    Instance.terminate = terminate
