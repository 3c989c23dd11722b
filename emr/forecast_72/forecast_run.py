"""One run: stores the raw objects that are not in the table yet, in one commit."""

import random
import sys
import time
import uuid
from datetime import datetime, timezone

import forecast_parked
import forecast_raw
import forecast_table
from forecast_faults import GivenUp, LostCommit, NotRead
from forecast_names import candidates
from hadoop_files import HadoopFiles

ATTEMPTS = 5
# Pause before the next attempt, in seconds, multiplied by the number of the attempt.
PAUSE = 1


class Settings:
    """The arguments of a run."""

    def __init__(self, raw, table, parked, lookback_days):
        self.raw = raw.rstrip("/") + "/"
        self.table = table.rstrip("/")
        self.parked = parked.rstrip("/")
        self.lookback_days = lookback_days


def run(spark, settings, now=None):
    """Runs until its commit is found in the log, and starts over if it was lost. Returns the result as a dictionary."""
    files = HadoopFiles(spark)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return attempt_once(spark, files, settings, now or datetime.now(timezone.utc))
        except LostCommit as lost:
            print(f"attempt {attempt} of {ATTEMPTS}: the commit is lost, starting over: {lost}", file=sys.stderr)
            time.sleep(random.uniform(0, PAUSE * attempt))
    raise GivenUp(
        f"{ATTEMPTS} commits to {settings.table} were lost to other writers\n"
        "fix: end the other runs of this job, and run it again: it stores what is missing"
    )


def attempt_once(spark, files, settings, now):
    """One attempt. Reads the table's state first, so that a later commit of another writer is a conflict."""
    state = forecast_table.opened(spark, settings.table)
    found = candidates(forecast_raw.listed(files, settings.raw), now, settings.lookback_days)
    stored = forecast_table.stored_names(spark, settings.table, found)
    new = [raw for raw in found if raw.filename not in stored]
    reasons = {raw.filename: forecast_raw.why_unread(raw) for raw in new}
    readable = [raw for raw in new if reasons[raw.filename] is None]
    refused = [(raw, reasons[raw.filename], None) for raw in new if reasons[raw.filename]]

    version, objects, rows = state.version, 0, 0
    if readable:
        by_name = {raw.filename: raw for raw in readable}
        # Cached, so that each object is read once, and counts, letters and commit agree.
        readings = forecast_raw.readings(spark, readable).persist()
        try:
            read, objects, rows = readings.selectExpr(
                "count(*)", "count_if(reason IS NULL)", "coalesce(sum(if(reason IS NULL, size(rows), 0)), 0)"
            ).first()
            if read != len(readable):
                raise NotRead(f"{len(readable)} objects were listed and {read} of them read\nfix: run the job again")
            if objects < len(readable):
                bad = readings.where("reason IS NOT NULL").select("filename", "reason", "content")
                refused += [(by_name[row.filename], row.reason, row.content) for row in bad.toLocalIterator()]
            write_letters(files, settings, refused, now)
            if objects:
                run_id = f"forecast_72 run {uuid.uuid4()}"
                forecast_table.append(forecast_raw.rows_of(readings), settings.table, state, run_id)
                version = forecast_table.committed_version(files, settings.table, state, run_id)
        finally:
            readings.unpersist()
    else:
        write_letters(files, settings, refused, now)

    parked = sorted(raw.filename for raw, _, _ in refused)
    forecast_parked.forget(files, settings.parked, {raw.filename for raw in found} - set(parked))
    return {"objects": objects, "rows": rows, "skipped": len(stored), "parked": parked, "version": version}


def write_letters(files, settings, refused, now):
    """Writes the letters before the commit. If a letter cannot be written, the run fails before it stores anything."""
    for raw, reason, content in refused:
        line = forecast_parked.letter(settings.raw, raw, reason, content, now)
        forecast_parked.park(files, settings.parked, raw.filename, line)
