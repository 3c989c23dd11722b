"""scripts/cost: the table, and what a plan costs."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def cost(*arguments: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "scripts/cost", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def plan(folder: Path, *resources: tuple[str, str, dict]) -> Path:
    found = [
        {"address": address, "mode": "managed", "type": kind, "values": values} for address, kind, values in resources
    ]
    file = folder / "plan.json"
    file.write_text(json.dumps({"planned_values": {"root_module": {"child_modules": [{"resources": found}]}}}))
    return file


def database(kind: str = "db.t4g.micro", zones: bool = False) -> tuple[str, str, dict]:
    return "db", "aws_db_instance", {"instance_class": kind, "multi_az": zones, "allocated_storage": 100}


def amount(text: str, line: str) -> float:
    return float(re.search(rf"^ *{line}.* ([\d.]+)$", text, re.MULTILINE)[1])


def test_the_lines_of_a_profile_add_up_to_its_sum() -> None:
    for profile in ("dev", "prod"):
        *lines, total = (float(line.split()[-1]) for line in cost(profile).stdout.splitlines()[1:])
        assert abs(sum(lines) - total) < 0.05


def test_multi_az_pays_the_instance_and_its_storage_twice(tmp_path: Path) -> None:
    one, two = (cost("--plan", plan(tmp_path, database(zones=zones))).stdout for zones in (False, True))
    for line in ("Postgres db", "Postgres storage"):
        assert amount(two, line) == 2 * amount(one, line)


def test_an_interface_endpoint_is_paid_in_every_zone(tmp_path: Path) -> None:
    subnets = [(f"module.network.aws_subnet.private[{zone}]", "aws_subnet", {}) for zone in range(3)]
    endpoints = [
        (name, "aws_vpc_endpoint", {"vpc_endpoint_type": kind})
        for name, kind in (("sts", "Interface"), ("s3", "Gateway"))
    ]
    assert amount(cost("--plan", plan(tmp_path, *subnets, *endpoints)).stdout, "Interface endpoints") == 21.90


def test_the_free_alarms_are_not_paid(tmp_path: Path) -> None:
    alarms = [(f"alarm-{number}", "aws_cloudwatch_metric_alarm", {}) for number in range(9)]
    assert "9, free" in cost("--plan", plan(tmp_path, *alarms)).stdout


def test_an_instance_type_without_a_price_is_named(tmp_path: Path) -> None:
    assert "db.r8g.large: no price" in cost("--plan", plan(tmp_path, database("db.r8g.large"))).stderr
