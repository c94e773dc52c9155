"""Requests and responses find each other, in any order, once, and in bounded memory."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.publisher.pairs import Half, Heard, Key, Pair, Pairs, Side

KEY = Key("v2", "r-1")


def half(side: Side, heard_ms: float = 0, told_ms: float | None = None) -> Half:
    return Half(side=side, told_ms=told_ms, heard_ms=heard_ms)


REQUEST, RESPONSE = half(Side.REQUEST, 1000), half(Side.RESPONSE, 1250)


class TestHear:
    @pytest.mark.parametrize("first", [REQUEST, RESPONSE], ids=["in order", "turned round"])
    def test_two_halves_are_a_pair(self, first: Half) -> None:
        """Whichever comes first."""
        pairs = Pairs(wait_s=60, most=10)
        second = RESPONSE if first is REQUEST else REQUEST
        assert pairs.hear(KEY, first, 0) is Heard.WAITING
        assert pairs.hear(KEY, second, 1) == Pair(request=REQUEST, response=RESPONSE)

    def test_what_is_sent_again_is_known(self) -> None:
        """Before it is paired and after, until the time is over."""
        pairs = Pairs(wait_s=60, most=10)
        heard = [pairs.hear(KEY, each, 0) for each in (REQUEST, REQUEST, RESPONSE, RESPONSE)]
        assert [heard[0], heard[1], heard[3]] == [Heard.WAITING, Heard.REPEATED, Heard.REPEATED]
        assert pairs.hear(KEY, REQUEST, 59) is Heard.REPEATED
        assert list(pairs.overdue(60)) == []
        assert len(pairs) == 0

    def test_another_version_is_another_request(self) -> None:
        """A copy of a request has the same id."""
        pairs = Pairs(wait_s=60, most=10)
        pairs.hear(KEY, REQUEST, 0)
        assert pairs.hear(Key("v1", "r-1"), RESPONSE, 0) is Heard.WAITING

    def test_no_more_than_may(self) -> None:
        """What is full takes nothing new, and goes on with what it has."""
        pairs = Pairs(wait_s=60, most=1)
        pairs.hear(KEY, REQUEST, 0)
        assert pairs.hear(Key("v2", "r-2"), REQUEST, 0) is Heard.FULL
        assert isinstance(pairs.hear(KEY, RESPONSE, 0), Pair)


class TestOverdue:
    def test_who_waits_in_vain_is_told_once(self) -> None:
        """At the end of the wait, oldest first."""
        pairs = Pairs(wait_s=60, most=10)
        keys = [Key("v2", str(number)) for number in range(3)]
        for number, key in enumerate(keys):
            pairs.hear(key, REQUEST, number)
        assert list(pairs.overdue(59)) == []
        assert [key for key, _ in pairs.overdue(61)] == keys[:2]
        assert [key for key, _ in pairs.overdue(1000)] == keys[2:]
        assert len(pairs) == 0


class TestRoom:
    def test_what_is_over_makes_room(self) -> None:
        """A busy service that answers well is not refused for what it has answered."""
        pairs = Pairs(wait_s=60, most=2)
        for number in range(5):
            key = Key("v2", f"r-{number}")
            assert pairs.hear(key, REQUEST, 0) is Heard.WAITING
            assert isinstance(pairs.hear(key, RESPONSE, 0), Pair)
        assert len(pairs) == 2


class TestLatency:
    @pytest.mark.parametrize(
        ("told", "latency", "completed"),
        [
            ((5000.0, 5012.5), 12.5, 5012.5),
            ((5000.0, None), 250, 1250),
            ((None, 5012.5), 250, 5012.5),
        ],
        ids=["both", "request", "response"],
    )
    def test_the_senders_clock_where_it_tells_both(
        self, told: tuple[float | None, float | None], latency: float, completed: float
    ) -> None:
        """Two clocks are never subtracted from each other."""
        pair = Pair(
            request=half(Side.REQUEST, 1000, told[0]), response=half(Side.RESPONSE, 1250, told[1])
        )
        assert (pair.latency_ms, pair.completed_at_ms) == (latency, completed)


@pytest.mark.property
class TestAnyOrder:
    @given(
        st.lists(
            st.tuples(st.integers(0, 5), st.sampled_from(Side), st.floats(0, 30)), max_size=60
        ),
        st.integers(1, 4),
    )
    def test_every_half_has_one_end(self, events: list[tuple[int, Side, float]], most: int) -> None:
        """Each is part of one pair, overdue, repeated or refused; and memory is bounded."""
        pairs, now = Pairs(wait_s=60, most=most), 0.0
        ends: Counter[str] = Counter()
        for number, side, pause in events:
            now += pause
            ends["overdue"] += sum(1 for _ in pairs.overdue(now))
            match pairs.hear(Key("v", str(number)), half(side), now):
                case Pair():
                    ends["paired"] += 2
                case Heard.WAITING:
                    pass
                case refused:
                    ends[refused] += 1
            assert len(pairs) <= most
        ends["overdue"] += sum(1 for _ in pairs.overdue(now + 60))
        assert ends.total() == len(events)
        assert len(pairs) == 0
