"""A partition read again gives the panes that its owner closed."""

from __future__ import annotations

import pytest

from streams.panes.facts import PaneClock, cells_to_states
from streams.replay.partition import LogRecord, RecordedActivation, replay_partition
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.agents.pipeline import START_MS, Traffic, spec

CODEC = Codec(LocalSchemaStore())
CLOCK = PaneClock(pane_ms=1000, lateness_ms=0, future_ms=1 << 50)


def log(*, hole_at: int = -1) -> list[LogRecord]:
    """Made-up traffic; from `hole_at` on offsets are one higher, as behind a transaction marker."""
    return [
        LogRecord(
            offset=number + (number >= hole_at >= 0),
            append_ms=START_MS,
            value=CODEC.encode("predictions", event),
        )
        for number, event in enumerate(Traffic(seconds=4, rate=20).events(START_MS))
    ]


def exposures(records: list[LogRecord], first_offset: int, **how: int) -> int:
    """How many events the closed panes hold."""
    activation = RecordedActivation(spec=spec(), first_offset=first_offset)
    panes = replay_partition(records, [activation], CLOCK, CODEC, **how)
    return sum(cell["exposures"] for pane in panes for cell in cells_to_states(pane.cells))


class TestReplay:
    @pytest.mark.parametrize("batch_size", [1, 7, 5000])
    def test_an_activation_in_a_hole(self, batch_size: int) -> None:
        """An owner's position may lie where no record is: batches end there all the same."""
        assert exposures(log(hole_at=10), 10, batch_size=batch_size) == exposures(
            log(), 10, batch_size=1
        )

    def test_refuses_what_the_owner_refused(self) -> None:
        """The limit of the worker's settings decides which events count."""
        assert exposures(log(), 0, batch_size=100, max_event_bytes=10) == 0
