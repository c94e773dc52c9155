"""A latency with a limit of its own: how it is written, refused and shown."""

import pytest

from streams.errors import SpecError
from streams.spec.load import parse_spec
from streams.spec.metric_facts import Metric, MetricKind, Role
from streams.spec.render import render_spec

FACTS = """\
service: digits
baseline: v1
candidate: v2
route: memory
"""


def parse(text):
    return parse_spec(f"{FACTS}{text}", name="spec.yaml")


@pytest.mark.parametrize(
    "text",
    ["guardrails: {p99_sla: 300ms}", "guardrails: {p99_sla: {limit: 0.3s, weight: 2}}"],
)
def test_is_read(text):
    found = next(m for m in parse(text).spec.metrics if m.name == "p99_sla")
    expected = Metric(
        name="p99_sla",
        kind=MetricKind.LATENCY_SLA,
        role=Role.GUARDRAIL,
        quantile=0.99,
        limit_ms=300.0,
        weight=2.0 if "weight" in text else 1.0,
    )
    assert found == expected


def test_what_is_shown_reads_back():
    loaded = parse("signals: {p99.9_sla: 1.5s}")
    assert "    limit: 1500ms" in render_spec(loaded)
    assert parse_spec(render_spec(loaded)).spec == loaded.spec


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "guardrails: {p99_sla: {weight: 2}}",
            "p99_sla has no limit — write e.g. `p99_sla: ",
        ),
        ("guardrails: {p99_sla: 300}", "`300` is no time"),
        ("guardrails: {p99_sla: 0ms}", "0ms is outside 0.01ms to 2h"),
        ("guardrails: {p99_sla: 3h}", "3h is outside 0.01ms to 2h"),
        ("guardrails: {errors_sla: 300ms}", "unknown metric `errors_sla`"),
    ],
)
def test_is_refused(text, told):
    with pytest.raises(SpecError) as refused:
        parse(text)
    assert told in str(refused.value)
    assert str(refused.value).startswith("spec.yaml:5:")
