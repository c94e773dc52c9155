"""Alerts say what they must, fire where they must, and read metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from infra.docs.metrics_table import catalogue
from infra.grafana.write import ALL as DASHBOARDS
from tests.agents.pipeline import Pipeline
from tests.environment import environment_of

if TYPE_CHECKING:
    from streams.demo.processes import Part, Parts

FOLDER = Path(__file__).parents[2] / "infra" / "prometheus"
ALERTS = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
NAMES = {alert["alert"] for alert in ALERTS}
RECORDS = yaml.safe_load((FOLDER / "records.yaml").read_text())["groups"][0]["rules"]
SUFFIXES = ("_total", "_bucket", "_count", "_sum")
NOBODY = "v1=http://127.0.0.1:9/metrics"
PROCESSES = {
    "worker": ["worker"],
    "actuator": ["actuator"],
    "notify": ["notify"],
    "verdicts": ["verdicts"],
    "dashboard": ["dashboard"],
    "exporter": ["resources", "export", "--service", "digits", "--scrape", NOBODY],
}
"""Job -> arguments of `davy`."""


def run(*command: str, cwd: Path = FOLDER) -> tuple[int, str]:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


class TestRules:
    def test_they_are_rules(self, promtool: str) -> None:
        code, said = run(promtool, "check", "rules", "--lint-fatal", "alerts.yaml", "records.yaml")
        assert code == 0, said

    def test_the_jobs_are_a_configuration(self, promtool: str) -> None:
        code, said = run(promtool, "check", "config", "--syntax-only", "scrape.yaml")
        assert code == 0, said

    def test_records_are_what_is_known(self, promtool: str) -> None:
        code, said = run(promtool, "test", "rules", "records_test.yaml")
        assert code == 0, said

    def test_each_record_is_tried(self) -> None:
        tried = (FOLDER / "records_test.yaml").read_text()
        assert [rule["record"] for rule in RECORDS if rule["record"] not in tried] == []

    def test_each_fires_where_it_must_and_alone(self, promtool: str) -> None:
        code, said = run(promtool, "test", "rules", "alerts_test.yaml")
        assert code == 0, said

    def test_the_tests_would_notice(self, promtool: str, tmp_path: Path) -> None:
        """Alerts that never fire fail the tests of the rules, each its own."""
        shutil.copy(FOLDER / "alerts_test.yaml", tmp_path)
        broken = [alert | {"expr": "vector(0) > 1"} for alert in ALERTS]
        text = yaml.safe_dump({"groups": [{"name": "davy", "rules": broken}]})
        (tmp_path / "alerts.yaml").write_text(text)
        code, said = run(promtool, "test", "rules", "alerts_test.yaml", cwd=tmp_path)
        assert code != 0
        assert set(re.findall(r'exp: \{alertname="(\w+)"\}', said)) == NAMES

    @pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
    def test_each_says_what_it_means_and_what_to_do(self, alert: dict[str, Any]) -> None:
        assert set(alert["annotations"]) == {"summary", "description", "action"}
        assert all(len(text) > 20 for text in alert["annotations"].values())
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}

    def test_each_stands_beside_its_fail_safe(self) -> None:
        rows = re.findall(
            r"^\|.*\| (Davy\w+) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE
        )
        assert rows == [alert["alert"] for alert in ALERTS]

    def test_the_jobs_have_the_names_that_alerts_go_by(self) -> None:
        jobs = yaml.safe_load((FOLDER / "scrape.yaml").read_text())["scrape_configs"]
        names = [f"davy-{process}" for process in PROCESSES]
        assert [job["job_name"] for job in jobs] == names


def exposed(page: str) -> set[str]:
    """Names of the metrics on a page, as queries write them."""
    families = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)
    names = {name for name, _ in families}
    histograms = {name for name, kind in families if kind == "histogram"}
    return names | {name + suffix for name in histograms for suffix in SUFFIXES}


def of_davy(page: str) -> set[str]:
    """Davy's own metrics on a page; when a counter began is none."""
    names = re.findall(r"^# TYPE (davy_\S+) ", page, re.MULTILINE)
    return {name for name in names if not name.endswith("_created")}


@pytest.mark.timeout(180)
def test_a_running_davy_exposes_what_is_read_and_listed(
    tansu: str, prefix: str, parts: Parts, promtool: str
) -> None:
    """By alerts, records and dashboards; and the table of all metrics is what there is."""
    pipeline = Pipeline(tansu, prefix, parts)
    env = environment_of(pipeline.settings)
    hooks = {"ops": {"kind": "alertmanager", "url": "http://127.0.0.1:9"}}
    env["DAVY_NOTIFY"] = json.dumps({"hooks": hooks})
    pages = {}
    for name, command in PROCESSES.items():
        part = parts.start(name, [sys.executable, "-m", "streams.cli", *command], env=env)
        pipeline.eventually(
            lambda p=part: _ready(p), what=f"a ready {name}", parts=[part], deadline_s=120
        )
        pages[name] = httpx.get(f"{_url(part)}/metrics").text
    read = [rule["expr"] for rule in (*ALERTS, *RECORDS)]
    read += [text for dashboard in DASHBOARDS for text in dashboard.texts]
    wanted = {name for expr in read for name in re.findall(r"\b(?:davy|process)_[a-z_]+\b", expr)}
    missing = wanted - set().union(*map(exposed, pages.values()))
    assert missing == set()
    for name, page in pages.items():
        assert of_davy(page) == {each.name for each in catalogue() if each.process == name}
        lint = subprocess.run(
            [promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False
        )
        assert lint.returncode == 0, lint.stderr


def _url(part: Part) -> str:
    found = re.findall(r"health, readiness and metrics at (\S+)", part.log.read_text())
    return found[-1] if found else ""


def _ready(part: Part) -> bool:
    try:
        return bool(_url(part)) and httpx.get(f"{_url(part)}/readyz").is_success
    except httpx.TransportError:
        return False
