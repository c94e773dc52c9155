"""Every metric of davy: made of what its processes register, so that no name here can rot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from streams.actuator.health import Health as ActuatorHealth
from streams.agents.health import Health as WorkerHealth
from streams.dashboard.meters import Meters as DashboardMeters
from streams.dashboard.news import News
from streams.dashboard.pane_books import PaneBooks
from streams.dashboard.stories import Stories
from streams.dashboard.window import Window
from streams.exporter.health import Health as ExporterHealth
from streams.notify.health import Figures
from streams.notify.meters import Meters as NotifyMeters
from streams.settings import Settings
from streams.verdicts.board import Board
from streams.verdicts.follower import Follower
from streams.verdicts.health import Health as VerdictsHealth
from streams.verdicts.ledger import Ledger
from streams.wire.store import LocalSchemaStore

HEADER = ("of", "metric", "kind", "labels", "")
HISTOGRAM = ("_bucket", "_count", "_sum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """A metric as one process exposes it."""

    process: str
    name: str
    """As its page says it: a counter's with `_total`."""
    kind: str
    labels: tuple[str, ...]
    text: str

    @property
    def series(self) -> tuple[str, ...]:
        """Names as queries write them."""
        if self.kind != "histogram":
            return (self.name,)
        return tuple(self.name + suffix for suffix in HISTOGRAM)


def catalogue() -> list[Exposed]:
    """Every metric of every process, in the order in which their pages tell them."""
    return [
        _exposed(process, part, metric)
        for process, parts in _processes().items()
        for part in parts
        for metric in part.collect()
    ]


def rows() -> list[tuple[str, ...]]:
    """The table."""
    return [
        (each.process, f"`{each.name}`", each.kind, ", ".join(each.labels), each.text)
        for each in catalogue()
    ]


def _processes() -> dict[str, list[Collector]]:
    """What each process registers; nothing is connected."""
    settings, registry = Settings(), CollectorRegistry()
    worker, actuator = WorkerHealth(settings), ActuatorHealth(settings)
    verdicts = [VerdictsHealth(settings, registry), *_counted(Ledger(registry))]
    return {
        "worker": [*_counted(worker.meters), worker],
        "actuator": [*_counted(actuator.meters), actuator],
        "notify": [*_counted(NotifyMeters()), Figures([], LocalSchemaStore())],
        "verdicts": verdicts,
        "dashboard": [*verdicts, DashboardMeters(_window(settings))],
        "exporter": [ExporterHealth(settings)],
    }


def _window(settings: Settings) -> Window:
    """What a dashboard answers from before it has read anything."""
    news, board = News(), Board()
    return Window(
        board=board,
        log=Follower(settings, board),
        stories=Stories(news),
        books=PaneBooks(news),
        news=news,
        panes_unread=lambda: "nothing is read",
        pen=None,
        verifies=False,
    )


def _counted(meters: object) -> Iterator[Collector]:
    found: Iterable[object] = vars(meters).values()
    return (each for each in found if isinstance(each, MetricWrapperBase))


def _exposed(process: str, part: Collector, metric: Metric) -> Exposed:
    # prometheus_client tells the names of labels nowhere else while there are no values.
    labels: Iterable[str] = getattr(metric, "_labelnames", ()) or getattr(part, "_labelnames", ())
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    return Exposed(
        process=process,
        name=name,
        kind=metric.type,
        labels=tuple(labels),
        text=" ".join(metric.documentation.split()),
    )
