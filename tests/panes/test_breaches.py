"""What cannot be counted is heard once, in order, by the rollout that it concerns."""

from __future__ import annotations

from typing import Any

from streams.panes.breaches import Breach, BreachMerge

LOST = Breach.of_records("predictions", 1, 100, 500)


def record(body: tuple[str, dict[str, Any]], **facts: Any) -> dict[str, Any]:
    about = {"source": "predictions", "source_partitions": 2, "rollout_partitions": 4}
    return about | facts | {"body": body}


PROGRESS = ("davy.Progress", {"closed_through": 9, "idle": False})


def heard(*records: dict[str, Any]) -> tuple[Breach, ...]:
    merge = BreachMerge()
    for each in records:
        merge.take(each, "r", "h")
    return merge.take_all()


class TestTold:
    def test_by_an_owner(self) -> None:
        assert heard(record(LOST.body("r", "h"))) == (LOST,)

    def test_of_another_rollout_or_spec(self) -> None:
        assert heard(record(LOST.body("s", "h")), record(LOST.body("r", "g"))) == ()

    def test_repeated(self) -> None:
        """Every owner tells that partitions changed."""
        assert heard(record(LOST.body("r", "h")), record(LOST.body("r", "h"))) == (LOST,)


class TestCounts:
    def test_another_count_of_a_source(self) -> None:
        """A worker was started with new settings while the rollout lived."""
        found = heard(record(PROGRESS), record(PROGRESS, source_partitions=3))
        assert found == (Breach.of_partitions("predictions", 2, 3),)

    def test_each_source_has_its_own(self) -> None:
        other = record(PROGRESS, source="resources", source_partitions=1)
        assert heard(record(PROGRESS), other, record(PROGRESS)) == ()

    def test_another_count_of_topics_by_rollout(self) -> None:
        found = heard(record(PROGRESS), record(PROGRESS, rollout_partitions=5))
        assert found == (Breach.of_partitions("panes", 4, 5),)

    def test_not_told(self) -> None:
        assert heard(record(PROGRESS), record(PROGRESS, rollout_partitions=0)) == ()


def test_restart() -> None:
    """What waits for the next pane, and the counts at the begin, outlast it."""
    merge = BreachMerge()
    merge.take(record(LOST.body("r", "h")), "r", "h")
    again = BreachMerge.from_state(merge.to_state())
    again.take(record(PROGRESS, source_partitions=3), "r", "h")
    assert again.take_all() == (LOST, Breach.of_partitions("predictions", 2, 3))
    assert again.take_all() == ()
