"""Units as people write them, read and printed again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.spec import units
from streams.spec.formats import format_duration, format_margin, format_share, format_weight
from streams.spec.units import UnitError

pytestmark = pytest.mark.property


class TestUnitsAsPeopleWriteThem:
    @pytest.mark.parametrize(
        ("parse", "text", "expected"),
        [
            (units.weight, "2%", 200),
            (units.weight, "0.01%", 1),
            (units.weight, "1bp", 1),
            (units.weight, "100%", 10_000),
            (units.duration, "300ms", 0.3),
            (units.duration, "12h", 43_200.0),
            (units.duration, "1h 30m", 5400.0),
            (units.duration, "1h30m", 5400.0),
            (units.margin, "+10%", 0.1),
            (units.margin, "25%", 0.25),
            (units.margin, "2x", 1.0),
            (units.margin, "0", 0.0),
            (units.share, "0.5pp", 0.005),
            (units.share, ">= 99.5%", 0.995),
            (units.share, "10bp", 0.001),
            (units.nats, "< 0.05", 0.05),
            (units.probability, "1%", 0.01),
            (units.probability, ".05", 0.05),
            (units.count, "10_000", 10_000),
            (units.positive, "2.5", 2.5),
        ],
    )
    def test_reads(self, parse, text, expected):
        assert parse(text) == expected

    @pytest.mark.parametrize(
        ("parse", "text", "remedy"),
        [
            (units.weight, "2", "`2%`"),
            (units.weight, "0%", "between"),
            (units.weight, "101%", "between"),
            (units.weight, "0.005%", "whole basis points"),
            (units.weight, "2%%", "`2%`"),
            (units.duration, "10", "`10s`"),
            (units.duration, "-1s", "`10s`"),
            (units.margin, "-10%", "`+10%`"),
            (units.margin, "0.25", "`+25%`"),
            (units.margin, "0.5x", "`2x`"),
            (units.margin, "300ms", "`+25%`"),
            (units.share, "100%", "less than 100%"),
            (units.share, "0.995", "`99.5%`"),
            (units.nats, "0.7", "log 2"),
            (units.nats, "0", "log 2"),
            (units.nats, "5%", "nats"),
            (units.probability, "50%", "`1%`"),
            (units.probability, "1", "`1%`"),
            (units.count, "1.5", "whole number"),
            (units.positive, "0", "`1`"),
            (units.positive, "nan", "`1`"),
            (units.name, "-a", "letter"),
            (units.words, " ", "1 to 256"),
        ],
    )
    def test_refuses_with_a_remedy(self, parse, text, remedy):
        with pytest.raises(UnitError) as failure:
            parse(text)
        assert remedy in failure.value.instead


class TestWhatIsPrintedReadsBack:
    @given(st.integers(1, 10_000))
    def test_weight(self, basis_points):
        assert units.weight(format_weight(basis_points)) == basis_points

    @given(st.integers(0, 10**10))
    def test_duration(self, milliseconds):
        seconds = milliseconds / 1000
        assert units.duration(format_duration(seconds)) == seconds

    @given(st.integers(0, 10**7))
    def test_margin(self, step):
        change = units.margin(f"+{step / 1000}%") if step % 1000 else float(step // 1000)
        assert units.margin(format_margin(change)) == change

    @given(st.integers(0, 99_999))
    def test_share(self, step):
        assert units.share(format_share(step / 100_000)) == step / 100_000

    @given(st.text())
    def test_no_text_raises_anything_but_a_unit_error(self, text):
        for parse in (units.weight, units.duration, units.margin, units.share, units.nats):
            try:
                parse(text)
            except UnitError as failure:
                assert failure.instead  # noqa: PT017 - either outcome is right, a remedy is a must
