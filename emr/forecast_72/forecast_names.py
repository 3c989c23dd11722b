"""What an object's name says: when the forecast was fetched. Plain functions; times are UTC."""

import re
from datetime import datetime, timedelta, timezone

NAME = re.compile(
    r"forecast_72_"
    r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d)[:-]?(\d\d)[:-]?(\d\d)"
    r"(?:[.,](\d{1,9}))?Z?"
    r"(?:_.+)?\.json",
    re.ASCII | re.DOTALL,
)
# Spark takes a path with one of these for a pattern, and fails the whole read where nothing matches.
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
    """Whether a name is one of a raw object: JSON, and not hidden as Hadoop's tools hide their own files."""
    return filename.endswith(".json") and not any(part[:1] in ("_", ".") for part in filename.split("/"))


class RawObject:
    """An object below the raw prefix. `time` is None where the name has none; `modified` is S3's time."""

    def __init__(self, filename, path, modified, length):
        self.filename = filename
        self.path = path
        self.modified = modified
        self.length = length
        self.time = time_in(filename)


def candidates(objects, now, lookback_days):
    """The objects of the last days, each once, by the time in the name (0: all).

    A name without a time counts from the time at which the object was written, so that it is parked and not overlooked.
    """
    oldest = now - timedelta(days=lookback_days) if lookback_days else None
    chosen = {}
    for found in objects:
        if oldest is None or (found.time or found.modified) >= oldest:
            chosen[found.filename] = found
    return [chosen[filename] for filename in sorted(chosen)]
