"""Runs in the emulator's Python before the emulator does, and mends three things.

Its Runtime API answers a function in several small writes. With Nagle's algorithm each later one waits for the function's
delayed acknowledgement of the one before, some 40 ms, which AWS does not.

It goes on waiting for an activity's task up to a minute after the worker that asked is gone, and then gives the task to
nobody: the execution never ends. With a wait of one second, a worker that starts anew gets the tasks that come after it.

After a restart it knows its activities but has no list for their tasks, and each execution that reaches one fails.
"""

import asyncio
import socketserver

from ministack.services import stepfunctions

socketserver.StreamRequestHandler.disable_nagle_algorithm = True

wait_a_minute = stepfunctions._get_activity_task


async def wait_a_second(data):
    try:
        return await asyncio.wait_for(wait_a_minute(data), timeout=1)
    except TimeoutError:
        # What AWS answers when there is no task.
        return stepfunctions.json_response({})


stepfunctions._get_activity_task = wait_a_second


invoke_activity = stepfunctions._invoke_activity


def invoke_activity_with_a_list(arn, task):
    stepfunctions._activity_tasks.setdefault(arn, [])
    return invoke_activity(arn, task)


stepfunctions._invoke_activity = invoke_activity_with_a_list
