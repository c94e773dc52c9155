"""Declared segments: read, shown, bounded; what makes no sense names its line."""

import pytest

from streams.errors import SpecError
from streams.spec.dimensions import Dimension, SegmentHarm
from streams.spec.load import parse_spec
from streams.spec.render import render_spec
from tests.spec.test_schema import errors

FACTS = "service: digits\nbaseline: v1\ncandidate: v2\nroute: {memory: {name: digits}}\n"
TWO = "segments: {tier: [pro, free], country: [SG, DE]}\n"


def spec(text: str = TWO):
    return parse_spec(FACTS + text, name="spec.yaml").spec


def many(dimensions: int, values: int) -> str:
    each = ", ".join(f"v{i}" for i in range(values))
    inner = ", ".join(f"d{i}: [{each}]" for i in range(dimensions))
    return f"segments: {{{inner}}}\n"


class TestDeclared:
    def test_slices_in_one_order_however_written(self):
        assert spec().slices == (
            *("country=DE", "country=SG", "country=other"),
            *("tier=free", "tier=pro", "tier=other"),
        )
        assert spec().combinations == 9
        other_way = spec("segments:\n  country: [DE, SG]\n  tier: [free, pro]\n")
        assert other_way.spec_hash == spec().spec_hash

    def test_defaults(self):
        assert (spec().segment_budget, spec().on_segment_harm) == (0.5, SegmentHarm.ROLLOUT)
        assert (spec("").slices, spec("").combinations) == ((), 1)

    def test_what_yaml_takes_for_something_else_is_a_value(self):
        assert spec("segments: {country: [NO, 1e3]}\n").segments == (
            Dimension(name="country", values=("1e3", "NO")),
        )

    @pytest.mark.parametrize(
        "text",
        [
            "",
            TWO + "segment_budget: 20%\non_segment_harm: segment\n",
            "segments: {country: [NO, on, 7]}\n",
            "segments: {country: {values: [NO, on, 7], header: X-Country}, tier: [free]}\n",
        ],
    )
    def test_what_is_shown_reads_back(self, text):
        loaded = parse_spec(FACTS + text)
        shown = render_spec(loaded)
        assert parse_spec(shown).spec == loaded.spec
        assert errors(FACTS + text) == []
        assert errors(shown) == []
        assert ("on_segment_harm" in shown) == bool(text)

    def test_counts_of_combinations_where_a_slice_may_go_back_alone(self):
        assert spec(TWO + "on_segment_harm: segment\n").joint
        assert not spec("segments: {country: [SG]}\non_segment_harm: segment\n").joint
        assert not spec().joint


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("segments:\n", "segments is empty — leave it out"),
            ("segments: [SG]\n", "segments is a list"),
            ("segments: {country: {values: [SG]}}\n", "country has no `header` — add e.g. `header"),
            ("segments: {country: {values: [SG], header: ''}}\n", "is no header name — write e.g."),
            ("segments: {country: {value: [SG], header: x}}\n", "did you mean `values`?"),
            ("segments: {country: SG}\n", "segments.country is `SG` — list its values"),
            ("segments: {country: []}\n", "segments.country is empty — list its values"),
            ("segments: {'country=': [SG]}\n", "`country=` is no name"),
            ("segments: {country: ['S,G']}\n", "`S,G` is no name"),
            ("segments: {country: ['S G']}\n", "`S G` is no name"),
            ("segments: {country: [SG, other]}\n", "declares `other` — it is what is not"),
            ("segments: {country: [SG, SG]}\n", "declares SG twice — leave one of them out"),
            (many(9, 1), "segments has 9 dimensions — declare at most 8"),
            (many(1, 33), "33 values — declare at most 32; the rest is `d0=other`"),
            (many(3, 21), "66 slices, each dimension's `other` included — declare fewer"),
            (many(2, 8) + "on_segment_harm: segment\n", "81 combinations, too many to let one"),
            ("segment_budget: 20%\n", "given without segments — add e.g. `segments: {country"),
            (TWO + "segment_budget: 100%\n", "100% is none or all of it — write e.g. `50%`"),
            (TWO + "on_segment_harm: all\n", "does not go back — write `rollout` or `segment`"),
        ],
    )
    def test_with_line_and_remedy(self, text, told):
        with pytest.raises(SpecError) as refused:
            spec(text)
        line = 6 if text.startswith(TWO) else 5
        assert str(refused.value).startswith(f"spec.yaml:{line}: ")
        assert told in str(refused.value)

    def test_more_verdicts_than_a_decision_holds(self):
        candidates = "\n".join(f"  c{i}: v{i + 2}" for i in range(16))
        text = FACTS.replace("candidate: v2", f"candidates:\n{candidates}")
        with pytest.raises(SpecError, match=r"spec.yaml:21: segments: 2112 metrics x candidates"):
            parse_spec(text + many(3, 6), name="spec.yaml")
