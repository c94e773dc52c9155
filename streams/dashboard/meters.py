"""What does a dashboard count of itself?"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.registry import Collector

from streams.dashboard.window import Window
from streams.serving.families import gauge


class Meters(Collector):
    """Prometheus' metrics beside those of the verdict server."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def collect(self) -> Iterable[Metric]:
        """What is remembered, and whether panes were read."""
        window = self._window
        rows = [
            (("records",), float(window.stories.count())),
            (("panes",), float(window.books.count())),
        ]
        text = "Rollouts whose history is kept in memory, by what it was made of."
        yield gauge("davy_dashboard_rollouts", text, ("of",), rows)
        text = "1 while panes were read to their end and are followed."
        read = float(not window.panes_unread())
        yield gauge("davy_dashboard_panes_read", text, (), [((), read)])
