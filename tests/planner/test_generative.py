"""Of language models nothing is known beforehand: said, not guessed from requests' latencies."""

import pytest

from streams.errors import SettingsError
from streams.planner.harms import breaks_by_itself, check_harm
from streams.spec.load import parse_spec
from tests.planner.specs import outlook, slower, traffic

FACTS = "service: chat\nbaseline: v1\ncandidate: v2\nroute: memory\n"
SPEC = parse_spec(
    f"{FACTS}stages: [50% for 5s, 100%]\nguardrails: {{defaults: off, errors: {{margin: 3x, "
    "floor: 5%}, ttft_p95: +50%, ttft_p99_sla: 1ms, refusals: +50%, tokens_out: +50%}\n"
).spec


def test_latencies_of_first_tokens_are_no_latencies_of_requests():
    with pytest.raises(SettingsError, match="the spec watches no latency"):
        check_harm(SPEC, traffic(100), slower(2.0))
    assert not any(breaks_by_itself(metric, traffic(100)) for metric in SPEC.metrics)


def test_what_is_not_foreseen_is_named():
    found = outlook(SPEC, traffic(100))
    assert set(found.unforeseen) == {"ttft_p95", "ttft_p99_sla", "refusals", "tokens_out"}
    assert [one.metric.name for one in found.promotion.shown] == ["errors"]
