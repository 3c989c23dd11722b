"""Fires the schedules of EventBridge Scheduler, which the community edition only stores.

Targets are Lambda functions and state machines, with the schedule's input. Flexible windows, retries and dead-letter
queues of schedules are left out: a target that cannot be called is logged.
"""

import datetime
import json
import logging
import re
import threading
from zoneinfo import ZoneInfo

from crontab import CronTab
from localstack.aws.connect import connect_to
from localstack.runtime import hooks
from moto.scheduler.models import scheduler_backends

LOG = logging.getLogger(__name__)

UNITS = {"minute": 60, "hour": 3600, "day": 86400}

stopped = threading.Event()


def next_time(schedule, after):
    """The next time at which a schedule fires. None: never again, or the expression is unknown."""
    kind, inner = re.fullmatch(r"(rate|cron|at)\((.*)\)", schedule.schedule_expression.strip()).groups()
    zone = ZoneInfo(schedule.schedule_expression_timezone)
    if kind == "at":
        at = datetime.datetime.fromisoformat(inner).replace(tzinfo=zone).timestamp()
        return at if at > after else None
    if kind == "cron":
        wait = CronTab(inner).next(datetime.datetime.fromtimestamp(after, zone), default_utc=False)
        return None if wait is None else after + wait
    number, unit = inner.split()
    period = int(number) * UNITS[unit.rstrip("s")]
    begin = schedule.creation_date
    return begin + (int((after - begin) // period) + 1) * period


def schedules():
    for account, regions in list(scheduler_backends.items()):
        for region, backend in list(regions.items()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    if schedule.state == "ENABLED":
                        yield account, region, schedule


def fire(account, region, target):
    clients = connect_to(aws_access_key_id=account, region_name=region)
    arn, given = target["Arn"], target.get("Input") or "{}"
    if ":lambda:" in arn:
        clients.lambda_.invoke(FunctionName=arn, InvocationType="Event", Payload=given)
    elif ":stateMachine:" in arn:
        clients.stepfunctions.start_execution(stateMachineArn=arn, input=json.dumps(json.loads(given)))
    else:
        LOG.warning("schedules of %s are not fired here", arn)


def fire_what_is_due(begin, end):
    for account, region, schedule in schedules():
        try:
            due = next_time(schedule, begin)
            if due is not None and due <= end:
                threading.Thread(target=try_to_fire, args=(account, region, schedule), daemon=True).start()
        except Exception:
            LOG.exception("the schedule %s cannot be read", schedule.arn)


def try_to_fire(account, region, schedule):
    try:
        fire(account, region, schedule.target)
    except Exception:
        LOG.exception("the target of schedule %s cannot be called", schedule.arn)


def run():
    before = datetime.datetime.now(datetime.UTC).timestamp()
    while not stopped.wait(1):
        now = datetime.datetime.now(datetime.UTC).timestamp()
        fire_what_is_due(before, now)
        before = now


@hooks.on_infra_ready()
def headwater_fire_schedules():
    threading.Thread(target=run, name="headwater-schedules", daemon=True).start()


@hooks.on_infra_shutdown()
def headwater_stop_schedules():
    stopped.set()
