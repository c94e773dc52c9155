"""Davy under fire, as far as five minutes go; and the oracle finds what is planted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.rigs import kafka
from infra.rigs.cache import Absent
from tests.soak.facts import BARS
from tests.soak.scenarios import SCENARIOS
from tests.soak.scenarios.planted import SCENARIOS as PLANTED

if TYPE_CHECKING:
    from tests.conftest import Absence

ROOT = Path(__file__).parents[2]
CI = [scenario for scenario in SCENARIOS if scenario.ci]

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.kafka]


def played(tmp_path: Path, absent: Absence, *arguments: str) -> dict[str, Any]:
    """What a soak with these arguments reports."""
    try:
        kafka.install()
    except Absent as error:
        absent("kafka", str(error))
    out = tmp_path / "soak.json"
    places = ["--folder", str(tmp_path / "logs"), "--out", str(out), "--brokers", "1"]
    command = [sys.executable, "-m", "tests.soak", *places, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert out.exists(), ended.stdout + ended.stderr
    told: dict[str, Any] = json.loads(out.read_text())
    print(ended.stdout, ended.stderr, sep="\n")
    return told


@pytest.mark.alone
@pytest.mark.timeout(900)
def test_every_bar_holds(tmp_path: Path, absent: Absence) -> None:
    """Nothing lost, double, wrong or out of order in the scenarios of CI."""
    told = played(tmp_path, absent, "--ci", "--lanes", "2")
    assert [s["scenario"] for s in told["scenarios"]] == sorted(each.name for each in CI)
    assert {s["scenario"]: s["error"] for s in told["scenarios"] if s["error"]} == {}
    assert {bar: told["totals"][bar] for bar in BARS} == dict.fromkeys(BARS, 0)
    assert told["ok"]


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_every_planted_bug_is_found(tmp_path: Path, absent: Absence) -> None:
    """Each bug breaks the bar that is named beside it."""
    told = played(tmp_path, absent, "--planted", "--lanes", "2")
    found = {s["scenario"]: set(s["expects"]) <= set(s["broken"]) for s in told["scenarios"]}
    assert found == {scenario.name: True for scenario in PLANTED}
    assert told["ok"]


class TestScenarios:
    def test_names_differ(self) -> None:
        """Every scenario can be asked for by its name."""
        names = [scenario.name for scenario in (*SCENARIOS, *PLANTED)]
        assert sorted(set(names)) == sorted(names)

    def test_ci_is_short(self) -> None:
        """The subset of CI takes at most five minutes on two lanes."""
        assert sum(scenario.seconds for scenario in CI) / 2 <= 300
