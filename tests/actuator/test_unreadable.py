"""A decision that cannot be read is no link of the chain: nothing rises on it, all may fall."""

from __future__ import annotations

import logging

import pytest

from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from tests.actuator.log import UNKNOWN_SCHEMA, Log
from tests.actuator.targets import split
from tests.actuator.test_service import actuating, begin, in_memory, log, phase

__all__ = ["log"]


class TestUnreadable:
    def test_decisions(self, log: Log, caplog: pytest.LogCaptureFixture) -> None:
        """The raise after it is refused, also after a restart; the rollback goes through."""
        caplog.set_level(logging.WARNING)
        spec, target = in_memory()
        with actuating(log):
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
            for _ in range(5):
                log.send("decisions", spec.rollout, b'{"weights": "all to me"}')
            log.decide(spec, Action.ADVANCE, 5000, readable=False)
            log.decide(spec, Action.ADVANCE, 7500)
            refused = log.wait_for(spec.rollout, phase(RoutingPhase.REFUSED, 3), what="refused")
        assert refused.reason.startswith("chain_broken")
        assert target.weights_bp == split(2500)
        with actuating(log):
            log.beat(spec)
            log.decide(spec, Action.ROLLBACK, 0)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 4), what="rolled back")
        assert target.weights_bp == split(0)
        told = [
            record.getMessage() for record in caplog.records if "skipped" in record.getMessage()
        ]
        assert sum("bad_magic" in line for line in told[:2]) == 1
        assert any("unknown_schema" in line and "davy rollout resume" in line for line in told)

    def test_a_stranger_breaks_no_chain(self, log: Log) -> None:
        """What no judge wrote is no link, so none is missing: the next raise goes through."""
        spec, target = in_memory()
        with actuating(log):
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            for value in (b"", b"{}", UNKNOWN_SCHEMA, UNKNOWN_SCHEMA + b"noise"):
                log.send("decisions", spec.rollout, value)
            log.decide(spec, Action.ADVANCE, 5000)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 2), what="applied")
        assert target.weights_bp == split(5000)
