"""IAM's actions: which one an API call needs, and which resources AWS knows for it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint

# Where IAM's prefix is not boto's name of the service.
PREFIXES = {"cloudcontrol": "cloudformation", "stepfunctions": "states"}

# Where the action is not called as the operation is.
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

# Everybody may.
FREE = {"sts:GetCallerIdentity"}

# A tag travels with the request that makes the resource: no call shows it, and AWS asks for the permission.
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
    """AWS's list of actions with their resource types, as cfn-lint carries it."""
    return json.loads((Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json").read_text())


def is_known(action: str) -> bool:
    """Whether AWS has such an action."""
    service, _, name = action.partition(":")
    return name.lower() in reference().get(service, {}).get("Actions", {})


def kinds(action: str) -> list[str]:
    """The types of resources that the action can be limited to; empty where "*" is all that AWS takes."""
    service, _, name = action.partition(":")
    return reference()[service]["Actions"][name.lower()].get("Resources", [])
