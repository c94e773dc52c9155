"""What is printed of a spec is itself that spec."""

import pytest

from streams.spec.load import parse_spec
from streams.spec.model import RolloutSpec
from streams.spec.render import render_recorded, render_spec

FACTS = "service: digits\nbaseline: v1\n"
ONE = FACTS + "candidate: v2\nroute: {envoy: {rds: /run/rds.json, scale: 1.0e-07}}\n"
SPECS = {
    "four facts": ONE,
    "router without options": FACTS + "candidate: v2\nroute: memory\n",
    "named route": FACTS + "candidate: v2\nroute: {name: checkout, memory: {name: a}}\n",
    "two candidates": FACTS + "candidates: {b: v3, a: '1.0'}\nroute: memory\n",
    "awkward words": "service: 'a: #b'\nbaseline: '1.10'\ncandidate: 'null'\nroute: memory\n",
    "long stages": ONE + "stages: [{weight: 1bp, max_time: 90s, min_exposures: 7}, 100%]\n",
    "metrics": ONE + "guardrails: {p50: off, p99.9: 2x}\nsignals: {scores: 0.02, classes: 0.1}\n",
    "defaults off": ONE + "guardrails: {defaults: off, timeouts: 0%, errors: 10%}\n",
    "outcomes": ONE
    + "outcomes:\n  label: {kind: label, window: 10m, classes: ['7', New York], positive: '7'}\n"
    "  sale: {kind: rate, window: 1d, explicit: true}\n  spent: {kind: mean, window: 1d}\n"
    "  stars: {kind: mean, window: 2h, delivery: 30m, range: [0, 5]}\noutcome_sample: 2.5%\n"
    "guardrails: {accuracy: {margin: 2%, floor: 90%}, recall: 3%, recall:7: 10%, sale: -0%}\n"
    "signals: {spent: -3%, stars: +1%, brier: {weight: 2}}\n",
    "labels off": ONE
    + "outcomes: {label: {kind: label, window: 10m}}\nguardrails: {accuracy: off}\n",
    "a person's yes": ONE + "stages: [2%, {weight: 25%, approval: true}, 100%]\n",
    "the target's pace": FACTS
    + "candidate: v2\nroute: {name: a, memory: {}, dry_run: true, max_step: 20%, dwell: 2m}\n",
    "revision": ONE + "revision: 6f9c7b5d4\n",
    "knobs": ONE + "silence_rollback: never\ntimeout: 1m 300ms\nalpha_promote: 0.001\n",
}


class TestRendering:
    @pytest.mark.parametrize("text", SPECS.values(), ids=SPECS.keys())
    def test_reads_back_as_the_same_spec(self, text):
        loaded = parse_spec(text)
        assert parse_spec(render_spec(loaded)).spec == loaded.spec

    @pytest.mark.parametrize("text", SPECS.values(), ids=SPECS.keys())
    def test_what_was_recorded_reads_back_too(self, text):
        """Of a recorded spec nobody knows its file any more."""
        recorded = RolloutSpec.from_json(parse_spec(text).spec.to_json())
        told = render_recorded(recorded)
        assert "#" not in told.replace("a: #b", "")
        assert parse_spec(told).spec == recorded

    def test_every_value_tells_where_it_came_from(self):
        lines = render_spec(parse_spec(ONE, name="spec.yaml")).splitlines()
        assert lines[0].split("# ") == [
            f"{'rollout: digits-v2':<34} ",
            "derived from service and candidate version",
        ]
        assert "margin: +25%                   # default" in "\n".join(lines)
        bare = {line for line in lines if "#" not in line}
        assert bare == {"route:", "stages:", "guardrails:"}
