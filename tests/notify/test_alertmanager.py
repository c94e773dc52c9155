"""What Alertmanager is told; the alerts of the real one are asked for afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.rigs import alertmanager as rig
from infra.rigs.cache import Absent
from streams.demo.processes import Parts
from streams.notify.hooks import open_hook
from streams.notify.hooks.alertmanager import alerts
from streams.notify_settings import AlertmanagerHook, Transition
from tests.notify.records import notice

OPTIONS = AlertmanagerHook(kind="alertmanager", url="http://a", labels={"team": "ml"})


def found(told: Any) -> dict[str, tuple[str, str]]:
    return {a["labels"]["alertname"]: (a["startsAt"], a["endsAt"]) for a in told}


class TestAlerts:
    def test_what_lasts_fires_for_a_day_at_most(self):
        [alert] = alerts(notice(Transition.HELD, code="max_time"), OPTIONS)
        assert alert["labels"] == {
            "alertname": "DavyRolloutHeld",
            "severity": "warning",
            "rollout": "digits-v2",
            "service": "digits",
            "route": "default",
            "team": "ml",
        }
        assert alert["annotations"]["key"] == "d7-held"
        times = ("2023-11-14T22:13:20.123Z", "2023-11-15T22:13:20.123Z")
        assert (alert["startsAt"], alert["endsAt"]) == times

    def test_its_end_lingers(self):
        """It ends later than what it told of, so that a short one is called out at all."""
        over = notice(Transition.RECOVERED, ended=Transition.FOREIGN_RAISE)
        times = ("2023-11-14T22:13:20.123Z", "2023-11-14T22:15:20.123Z")
        assert found(alerts(over, OPTIONS)) == {"DavyRolloutForeignRaise": times}

    def test_a_promotion_ends_what_the_judge_complained_of(self):
        """The target may still refuse its last weights: that alert goes on until they are there."""
        names = set(found(alerts(notice(Transition.PROMOTED), OPTIONS)))
        assert "DavyRolloutHeld" in names
        assert "DavyRolloutTargetRefused" not in names
        assert "DavyRolloutTargetRefused" in found(alerts(notice(Transition.SETTLED), OPTIONS))

    def test_what_is_no_alert_is_not_posted(self, receive):
        to = receive()
        hook = open_hook("pager", OPTIONS.model_copy(update={"url": to.url}))
        hook.tell(notice(Transition.STARTED))
        assert to.calls == []


@pytest.fixture
def address(absent: Callable[[str, str], None], parts: Parts, tmp_path: Path) -> str:
    """A real Alertmanager."""
    try:
        _, url = rig.start(parts, tmp_path / "alertmanager")
    except Absent as error:
        absent("alertmanager", str(error))
    return url


def firing(address: str) -> set[str]:
    """Names of the alerts that are not resolved."""
    answer = httpx.get(f"{address}/api/v2/alerts", params={"active": "true"}).raise_for_status()
    return {alert["labels"]["alertname"] for alert in answer.json()}


@pytest.mark.alertmanager
class TestReal:
    def test_a_rollout_with_troubles(self, address: str) -> None:
        """Fires, goes on while told twice, ends; what never fired ends without a trace."""
        options = {"kind": "alertmanager", "url": address, "linger_s": 0}
        hook = open_hook("pager", AlertmanagerHook.model_validate(options))

        def tell(transition: Transition, **more: Any) -> None:
            hook.tell(notice(transition, at_ms=time.time_ns() // 1_000_000, **more))

        tell(Transition.HELD)
        tell(Transition.TARGET_REFUSED)
        tell(Transition.HELD)
        assert firing(address) == {"DavyRolloutHeld", "DavyRolloutTargetRefused"}
        tell(Transition.RECOVERED, ended=Transition.TARGET_REFUSED)
        assert firing(address) == {"DavyRolloutHeld"}
        tell(Transition.ROLLED_BACK)
        assert firing(address) == {"DavyRolloutRolledBack"}
        tell(Transition.FOREIGN_RAISE)
        tell(Transition.SETTLED)
        assert firing(address) == {"DavyRolloutRolledBack"}
        hook.close()

    def test_an_old_notice_fires_nothing(self, address: str) -> None:
        """What is told again after a long time has ended by then."""
        hook = open_hook("pager", AlertmanagerHook(kind="alertmanager", url=address))
        hook.tell(notice(Transition.HELD))
        assert firing(address) == set()
        hook.close()
