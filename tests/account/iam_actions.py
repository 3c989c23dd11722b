"""IAM actions: the action that an API call needs, and the types of resources to which an action can be limited."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint

# Services whose prefix in IAM differs from boto's name.
PREFIXES = {"cloudcontrol": "cloudformation", "stepfunctions": "states"}

# Operations whose IAM action has another name.
ACTIONS = {
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:CreateNotification": "budgets:ModifyBudget",
    "budgets:CreateSubscriber": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:DescribeNotificationsForBudget": "budgets:ViewBudget",
    "budgets:DescribeSubscribersForNotification": "budgets:ViewBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeleteBucketTagging": "s3:PutBucketTagging",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}

# Actions that need no permission.
FREE = {"sts:GetCallerIdentity"}

# Actions that tag a resource. A request that creates a resource contains its tags, so no separate call shows that this
# permission is needed.
TAGGING = {
    "application-autoscaling": "TagResource",
    "budgets": "TagResource",
    "cloudwatch": "TagResource",
    "ec2": "CreateTags",
    "emr-serverless": "TagResource",
    "glue": "TagResource",
    "iam": "TagRole",
    "kafka": "TagResource",
    "kms": "TagResource",
    "lambda": "TagResource",
    "logs": "TagResource",
    "rds": "AddTagsToResource",
    "s3": "PutBucketTagging",
    "secretsmanager": "TagResource",
    "sns": "TagResource",
    "sqs": "TagQueue",
    "states": "TagResource",
}


def action_of(call: str) -> str:
    """The action for SERVICE:Operation, by boto's names."""
    service, _, operation = call.partition(":")
    call = f"{PREFIXES.get(service, service)}:{operation}"
    return ACTIONS.get(call, call)


@cache
def reference() -> dict[str, Any]:
    """AWS's list of actions with their resource types, from the package cfn-lint."""
    return json.loads((Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json").read_text())


def is_known(action: str) -> bool:
    """Whether AWS has an action with this name."""
    service, _, name = action.partition(":")
    return name.lower() in reference().get(service, {}).get("Actions", {})


def kinds(action: str) -> list[str]:
    """The types of resources to which the action can be limited. Empty if AWS accepts only "*"."""
    service, _, name = action.partition(":")
    return reference()[service]["Actions"][name.lower()].get("Resources", [])
