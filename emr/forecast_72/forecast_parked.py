"""Dead letters: raw objects that are not forecasts, in the format of crates/dead-letters."""

import base64
import json
from urllib.parse import urlsplit

from forecast_schema import TABLE, WRITER

# `headwater parked` lists objects with this suffix.
ENDING = ".jsonl"
# The bytes of a larger object are not copied into its letter: the raw object stays on S3.
LARGEST_VALUE = 1024 * 1024


def letter(raw, found, reason, content, now):
    """The dead letter of one object, as a JSON line."""
    place = urlsplit(raw)
    value = content if content is not None and len(content) <= LARGEST_VALUE else None
    record = {
        "lane": TABLE,
        "source": {"bucket": place.netloc, "key": place.path.lstrip("/") + found.filename, "index": None},
        "incarnation": 0,
        "reason": reason,
        "key_base64": None,
        "value_base64": None if value is None else base64.b64encode(value).decode("ascii"),
        "timestamp": int(found.modified.timestamp() * 1000),
        "parked_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "schema": "",
        "version": WRITER,
    }
    return json.dumps(record) + "\n"


def park(files, parked, filename, line):
    """Writes the letter. It overwrites the letter of an earlier run, because the key depends only on the object."""
    files.write(f"{parked}/{filename}{ENDING}", line)


def forget(files, parked, stored):
    """Removes the letters of objects whose rows are in the table, including letters that a killed run left."""
    for name, _ in files.below(parked):
        if name.endswith(ENDING) and name[: -len(ENDING)] in stored:
            files.delete(f"{parked}/{name}")
