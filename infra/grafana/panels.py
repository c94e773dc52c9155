"""What stands on a dashboard? Facts, and how Grafana's JSON says them (dashboard schema 39).

A panel is a title, queries and a unit; where it lies follows from the order and its width.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any, assert_never

from infra.docs.metrics_table import Exposed

COLUMNS = 24
SCHEMA = 39
SOURCE = {"type": "prometheus", "uid": "${source}"}
NAME = re.compile(r"\bdavy_[a-z_]+\b")
Json = dict[str, Any]


class Form(StrEnum):
    """How a panel shows its figures; Grafana's names."""

    LINES = "timeseries"
    FIGURE = "stat"
    TABLE = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A PromQL expression, and what its lines are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture."""

    title: str
    says: str
    """What it shows, and what to look for."""
    queries: tuple[Query, ...]
    form: Form = Form.LINES
    unit: str = "short"
    width: int = 12
    height: int = 8
    words: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Value -> what it means, and a colour."""
    limit: float | None = None
    """Where a line is drawn, and figures turn red."""
    repeat: str = ""
    """A variable: one panel for each of its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A heading and what stands under it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """What a person chooses at the top."""

    name: str
    label: str
    query: str
    """`label_values(METRIC, LABEL)`."""
    many: bool = False
    value: str = ""
    """What is chosen at first; empty: the first, or all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One page."""

    uid: str
    title: str
    says: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels, from the top."""
        return (panel for row in self.rows for panel in row.panels)

    @property
    def expressions(self) -> Iterator[str]:
        """Every PromQL expression."""
        return (query.expr for panel in self.panels for query in panel.queries)

    @property
    def texts(self) -> Iterator[str]:
        """Everything that names metrics."""
        yield from self.expressions
        yield from (variable.query for variable in self.variables)


def unknown(dashboard: Dashboard, exposed: Iterable[Exposed]) -> list[str]:
    """Metrics that a dashboard names and no process exposes."""
    known = {series for each in exposed for series in each.series}
    named = {name for text in dashboard.texts for name in NAME.findall(text)}
    return sorted(named - known)


def rendered(dashboard: Dashboard) -> Json:
    """The dashboard as Grafana reads it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["davy"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_source(), *map(_variable, dashboard.variables)]},
        "panels": list(_laid_out(dashboard.rows)),
    }


def _source() -> Json:
    return {
        "name": "source",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
    }


def _variable(variable: Variable) -> Json:
    chosen = variable.value or ("$__all" if variable.many else "")
    shown = "All" if chosen == "$__all" else chosen
    wrapped = {"text": [shown], "value": [chosen]}
    current = wrapped if variable.many else {"text": shown, "value": chosen}
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": variable.query, "refId": variable.name},
        "definition": variable.query,
        "multi": variable.many,
        "includeAll": variable.many,
        "refresh": 2,  # with the time: rollouts that have ended can be chosen where they lived
        "sort": 1,
        "current": current if chosen else {},
        "hide": 0,
    }


def _laid_out(rows: Sequence[Row]) -> Iterator[Json]:
    """Rows and panels with ids and places, from left to right and from the top."""
    numbers, top = count(1), 0
    for row in rows:
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {
            "id": next(numbers),
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        left, top, height = 0, top + 1, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, top, height = 0, top + height, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield _panel(panel, next(numbers)) | {"gridPos": place}
            left, height = left + panel.width, max(height, panel.height)
        top += height


def _panel(panel: Panel, number: int) -> Json:
    repeated = {"repeat": panel.repeat, "repeatDirection": "h", "maxPerRow": 2}
    return {
        "id": number,
        "type": panel.form.value,
        "title": panel.title,
        "description": panel.says,
        "datasource": SOURCE,
        "targets": [_target(panel, index, query) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    } | (repeated if panel.repeat else {})


def _target(panel: Panel, index: int, query: Query) -> Json:
    instant = panel.form is not Form.LINES
    return {
        "refId": chr(ord("A") + index),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": instant,
        "range": not instant,
        "format": "table" if panel.form is Form.TABLE else "time_series",
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    drawn = {"thresholdsStyle": {"mode": "off" if panel.limit is None else "line"}}
    lines = {"lineWidth": 1, "fillOpacity": 0, "showPoints": "never", "spanNulls": False}
    told = {
        str(value): {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(panel.words.items())
    }
    return {
        "unit": panel.unit,
        "mappings": [{"type": "value", "options": told}] if told else [],
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": lines | drawn if panel.form is Form.LINES else {},
    }


def _options(panel: Panel) -> Json:
    match panel.form:
        case Form.LINES:
            legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
        case Form.FIGURE:
            reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
            return {"reduceOptions": reduced, "colorMode": "value", "textMode": "auto"}
        case Form.TABLE:
            return {"showHeader": True, "cellHeight": "sm"}
        case _:
            assert_never(panel.form)
