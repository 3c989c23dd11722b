"""The times at which schedules fire. Runs in LocalStack's Python: scripts/test --only localstack."""

import datetime
import unittest
from types import SimpleNamespace

from headwater_localstack.schedules import next_time

NOW = datetime.datetime(2026, 11, 26, 10, 0, 30, tzinfo=datetime.UTC)


def fires(expression, zone="UTC", created=NOW, after=NOW):
    schedule = SimpleNamespace(
        schedule_expression=expression,
        schedule_expression_timezone=zone,
        creation_date=created.timestamp(),
    )
    at = next_time(schedule, after.timestamp())
    return at if at is None else datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat()


class Schedules(unittest.TestCase):
    def test_a_rate_counts_from_the_creation_of_the_schedule(self):
        half_an_hour_ago = NOW - datetime.timedelta(minutes=31)
        self.assertEqual(fires("rate(1 minute)"), "2026-11-26T10:01:30+00:00")
        self.assertEqual(fires("rate(5 minutes)", created=half_an_hour_ago), "2026-11-26T10:04:30+00:00")
        self.assertEqual(fires("rate(1 hour)", created=half_an_hour_ago), "2026-11-26T10:29:30+00:00")

    def test_cron_uses_the_time_zone_of_the_schedule(self):
        self.assertEqual(fires("cron(0/15 * * * ? *)"), "2026-11-26T10:15:00+00:00")
        self.assertEqual(fires("cron(0 6 * * ? *)", "Europe/Berlin"), "2026-11-27T05:00:00+00:00")
        self.assertEqual(fires("cron(0 12 1 1 ? 2027)"), "2027-01-01T12:00:00+00:00")

    def test_at_fires_once(self):
        self.assertEqual(fires("at(2026-11-26T12:00:00)", "Europe/Berlin"), "2026-11-26T11:00:00+00:00")
        self.assertIsNone(fires("at(2026-11-26T11:00:00)", "Europe/Berlin"))


if __name__ == "__main__":
    unittest.main()
