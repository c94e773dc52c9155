"""The editor's schema and the loader take and refuse the same."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from streams.spec.load import parse_spec
from streams.spec.render import render_spec
from streams.spec.schema.whole import spec_schema

GOLDEN = Path(__file__).parents[2] / "schemas" / "rollout-spec.schema.json"
FACTS = "service: digits\nbaseline: v1\ncandidate: v2\nroute: {envoy: {rds: /run/rds.json}}\n"

LABELS = "outcomes: {label: {kind: label, window: 10m, classes: ['7']}}\noutcome_sample: 5%\n"
KPIS = (
    "outcomes: {sale: {kind: rate, window: 1d}, spent: {kind: mean, window: 1d, range: [0, 500]}}\n"
)


def errors(text):
    validator = jsonschema.Draft202012Validator(spec_schema())
    return list(validator.iter_errors(yaml.safe_load(text)))


class TestSchema:
    def test_the_stored_copy_is_fresh(self):
        """Refresh with `python -m streams.spec.schema > schemas/rollout-spec.schema.json`."""
        assert json.loads(GOLDEN.read_text()) == spec_schema()

    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(spec_schema())

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "stages: [2% for 10s, {weight: 25%, min_time: 15s, min_exposures: 500}, 100%]\n",
            "guardrails: {errors: +25%, p99: off, p99.9: 2x, success: 99.5%, classes: 0.05}\n",
            "guardrails: {errors: {margin: 2x, floor: 0.5pp, weight: 2}}\nsignals: {scores: 0.1}\n",
            LABELS + "guardrails: {accuracy: {margin: +5%, floor: 90%}, recall: off, recall:7: 2x}",
            KPIS + "guardrails: {sale: -2%}\nsignals: {spent: {change: -5%}}\n",
            "alpha_rollback: 0.01\nsilence_rollback: never\nmax_classes: 10\n",
        ],
    )
    def test_accepts_what_the_loader_accepts(self, text):
        parse_spec(FACTS + text)
        assert errors(FACTS + text) == []

    def test_accepts_the_printed_spec(self):
        assert errors(render_spec(parse_spec(FACTS))) == []

    @pytest.mark.parametrize(
        "text",
        [
            "stages: [2]\n",
            "stages: []\n",
            "guardrails: {errorz: 2x}\n",
            "guardrails: {p99: 300ms}\n",
            "guardrails: {errors: -5%}\n",
            "timeout: soon\n",
            "outcomes: {label: {kind: label}}\n",
            "outcomes: {label: {kind: labels, window: 10m}}\n",
            "outcome_sample: all\n",
            "max_classes: 1\n",
            "stagess: [100%]\n",
        ],
    )
    def test_refuses_what_an_editor_can_see(self, text):
        assert errors(FACTS + text)
