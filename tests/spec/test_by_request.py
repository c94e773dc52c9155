"""Where users are the unit, what counts requests may hold a rollout and never roll it back."""

from pathlib import Path

import pytest

from streams.errors import SpecError
from streams.spec.load import load_spec
from streams.spec.metric_facts import Role

FACTS = """service: digits
baseline: v1
candidate: v2
route: {memory: {name: digits}}
unit: user
outcomes: {label: {kind: label, window: 10m}, buys: {kind: rate, window: 1h}}
"""


def loaded(tmp_path: Path, more: str):
    path = tmp_path / "spec.yaml"
    path.write_text(FACTS + more)
    return load_spec(path).spec


class TestUnitUser:
    def test_a_label_is_a_signal_unless_asked_otherwise(self, tmp_path):
        """Requests of one user are right or wrong together."""
        roles = {metric.name: metric.role for metric in loaded(tmp_path, "").metrics}
        assert roles["accuracy"] is Role.SIGNAL
        assert roles["errors"] is Role.GUARDRAIL

    @pytest.mark.parametrize("line", ["buys: -2%", "accuracy: +5%", "brier: +5%"])
    def test_as_a_guardrail_it_is_refused(self, tmp_path, line):
        """With what to write instead."""
        name = line.split(":")[0]
        with pytest.raises(SpecError, match=rf"{name} counts requests, .* make it a signal"):
            loaded(tmp_path, f"guardrails: {{{line}}}\n")

    def test_as_a_signal_it_is_taken(self, tmp_path):
        spec = loaded(tmp_path, "signals: {buys: -2%}\n")
        assert {m.name: m.role for m in spec.metrics}["buys"] is Role.SIGNAL
