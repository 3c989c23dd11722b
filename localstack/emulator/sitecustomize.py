"""Python imports this module before the emulator starts. It fixes three defects of the emulator.

1. The Runtime API sends an answer in several small writes. With Nagle's algorithm, each write waits about 40 ms for the
   function's delayed acknowledgement of the previous one. The fix disables the algorithm.
2. GetActivityTask waits for a task for up to a minute, even if the worker has disconnected, and then hands the task to the
   lost connection, so the execution never ends. The fix waits for one second, so a new worker gets later tasks.
3. After a restart, the emulator has its activities but no task lists for them, so each execution that reaches an activity
   fails. The fix creates the list.
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
        # AWS's answer if there is no task.
        return stepfunctions.json_response({})


stepfunctions._get_activity_task = wait_a_second


invoke_activity = stepfunctions._invoke_activity


def invoke_activity_with_a_list(arn, task):
    stepfunctions._activity_tasks.setdefault(arn, [])
    return invoke_activity(arn, task)


stepfunctions._invoke_activity = invoke_activity_with_a_list
