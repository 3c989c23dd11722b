"""The fetch time in an object's name. Plain functions without Spark; times are UTC."""

import re
from datetime import datetime, timedelta, timezone

NAME = re.compile(
    r"forecast_72_"
    r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d)[:-]?(\d\d)[:-]?(\d\d)"
    r"(?:[.,](\d{1,9}))?Z?"
    r"(?:_.+)?\.json",
    re.ASCII | re.DOTALL,
)
# Spark treats a path with one of these characters as a pattern, and fails the whole read if nothing matches.
PATTERN_LETTERS = re.compile(r"[{}\[\]*?\\]")


def time_in(filename):
    """The time in the last part of a name, or None. Accepts the fetcher's names and those of other tools."""
    found = NAME.fullmatch(filename.rsplit("/", 1)[-1])
    if not found or PATTERN_LETTERS.search(filename):
        return None
    *parts, fraction = found.groups()
    micros = int((fraction or "0").ljust(6, "0")[:6])
    try:
        return datetime(*map(int, parts), micros, tzinfo=timezone.utc)
    except ValueError:
        return None


def is_raw(filename):
    """Whether the name is that of a raw object: it ends with .json, and no part of it begins with `_` or `.`."""
    return filename.endswith(".json") and not any(part[:1] in ("_", ".") for part in filename.split("/"))


class RawObject:
    """An object below the raw prefix. `time` is None if the name has no time; `modified` is S3's LastModified."""

    def __init__(self, filename, path, modified, length):
        self.filename = filename
        self.path = path
        self.modified = modified
        self.length = length
        self.time = time_in(filename)


def candidates(objects, now, lookback_days):
    """The objects whose time (from the name) is within the last days (0: all), without duplicates.

    For a name without a time, the object's modification time counts, so that the object is parked and not ignored.
    """
    oldest = now - timedelta(days=lookback_days) if lookback_days else None
    chosen = {}
    for found in objects:
        if oldest is None or (found.time or found.modified) >= oldest:
            chosen[found.filename] = found
    return [chosen[filename] for filename in sorted(chosen)]
