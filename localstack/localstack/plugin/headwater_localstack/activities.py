"""Fixes activities of Step Functions.

LocalStack answers ListTagsForResource only for state machines, so Terraform cannot create an activity.

LocalStack waits for an activity's task for up to a minute, even if the worker has disconnected, and then hands the task
to the lost connection, so the execution never ends. With a wait of one second, a new worker gets the later tasks.
"""

import time

from localstack.aws.api.stepfunctions import (
    ListTagsForResourceOutput,
    TagResourceOutput,
    UntagResourceOutput,
)
from localstack.runtime import hooks
from localstack.services.stepfunctions.backend.state_machine import TagManager
from localstack.services.stepfunctions.provider import StepFunctionsProvider
from localstack.utils.patch import patch


def activity(provider, context, arn):
    return provider.get_store(context).activities.get(arn)


def tags_of(activity):
    if not hasattr(activity, "tag_manager"):
        activity.tag_manager = TagManager()
    return activity.tag_manager


def task_within_a_second(activity):
    deadline = time.monotonic() + 1
    while True:
        try:
            return activity.get_task()
        except IndexError:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.05)


@hooks.on_infra_start()
def headwater_mend_activities():
    @patch(StepFunctionsProvider.create_activity)
    def create_activity(create, self, context, name, tags=None, **kwargs):
        created = create(self, context, name, tags=tags, **kwargs)
        tags_of(activity(self, context, created["activityArn"])).add_all(tags or [])
        return created

    @patch(StepFunctionsProvider.list_tags_for_resource)
    def list_tags_for_resource(list_tags, self, context, resource_arn, **kwargs):
        if found := activity(self, context, resource_arn):
            return ListTagsForResourceOutput(tags=tags_of(found).to_tag_list())
        return list_tags(self, context, resource_arn, **kwargs)

    @patch(StepFunctionsProvider.tag_resource)
    def tag_resource(tag, self, context, resource_arn, tags, **kwargs):
        if found := activity(self, context, resource_arn):
            tags_of(found).add_all(tags)
            return TagResourceOutput()
        return tag(self, context, resource_arn, tags, **kwargs)

    @patch(StepFunctionsProvider.untag_resource)
    def untag_resource(untag, self, context, resource_arn, tag_keys, **kwargs):
        if found := activity(self, context, resource_arn):
            tags_of(found).remove_all(tag_keys)
            return UntagResourceOutput()
        return untag(self, context, resource_arn, tag_keys, **kwargs)

    StepFunctionsProvider._pull_activity_task = staticmethod(task_within_a_second)
