"""Answers of the forecast API, as the fetcher stores them."""

import json
from datetime import datetime, timedelta, timezone

NOW = datetime(2026, 11, 26, 23, 5, tzinfo=timezone.utc)


def name(item=3477, time="20261126T230005Z"):
    return f"forecast_72_{time}_{item}.json"


def hour(start, temperature=23.6, **changes):
    entry = {
        "date": f"{start:%Y-%m-%d %H:%M:%S}",
        "date_br": f"{start:%d/%m/%Y %H:%M:%S}",
        "humidity": {"humidity": 60.9},
        "pressure": {"pressure": 1010.1},
        "rain": {"precipitation": 0.7},
        "temperature": {"temperature": temperature},
        "wind": {"velocity": 11, "direction": "WSW", "directiondegrees": 262.2, "gust": 20.2},
    }
    return {**entry, **changes}


def answer(item=3477, hours=72, start=datetime(2026, 11, 26, 20), **changes):
    entries = [hour(start + timedelta(hours=number)) for number in range(hours)]
    return {"id": item, "name": "São Paulo", "state": "SP", "country": "BR  ", "data": entries, **changes}


def content(*args, **changes):
    return json.dumps(answer(*args, **changes)).encode()
