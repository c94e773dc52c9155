"""Which outcomes are awaited of predictions, and which metrics can be asked of them?

`outcomes:` names each with its kind and window. A label outcome serves the label metrics, a rate
or a mean is a metric by its own name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import yaml

from streams.errors import SpecError
from streams.spec import choices, defaults, units
from streams.spec.defaults import MetricDefault
from streams.spec.metric_facts import MetricKind
from streams.spec.outcome_facts import Outcome, OutcomeKind
from streams.spec.provenance import Source
from streams.spec.reader import Block, listed, refuse, scalar, written
from streams.yaml_lines import did_you_mean, entries, kind

EXAMPLE = "outcomes: {label: {kind: label, window: 10m}}"
KEYS: dict[OutcomeKind, tuple[str, ...]] = {
    OutcomeKind.LABEL: ("kind", "window", "delivery", "classes", "positive", "probability"),
    OutcomeKind.RATE: ("kind", "window", "delivery", "explicit"),
    OutcomeKind.MEAN: ("kind", "window", "delivery", "range", "explicit"),
}
RECALL = "recall:"
LATENCY = re.compile(r"^(?:ttft_|tpot_)?p\d")
MOST_OUTCOMES, MOST_CLASSES = 32, 1000
LARGEST = 1e9
"""End of a range; beyond it sums of thousandths might not hold."""
Read = tuple[tuple[Outcome, ...], dict[str, Source]]


def read_outcomes(node: yaml.Node | None) -> Read:
    """The outcomes in the order of their names, and the source of each of their fields."""
    if node is None:
        return (), {}
    found: list[Outcome] = []
    sources: dict[str, Source] = {}
    for name, (at, value) in entries(node, what="outcomes", error=SpecError).items():
        _check_name(name, at)
        if len(found) == MOST_OUTCOMES:
            refuse(at, f"{name} is one more than {MOST_OUTCOMES} outcomes", "leave some out")
        outcome, told = _Reading(name, value).read()
        if outcome.kind is OutcomeKind.LABEL and any(o.kind is OutcomeKind.LABEL for o in found):
            refuse(at, f"{name} is the second label outcome", "a prediction has one: keep one")
        found.append(outcome)
        sources |= {f"outcomes.{name}.{field}": source for field, source in told.items()}
    return tuple(sorted(found, key=lambda outcome: outcome.name)), sources


def _check_name(name: str, at: yaml.Node) -> None:
    scalar(at, units.name, what="an outcome's name")
    metrics = {*defaults.METRICS, *defaults.SHADOW_ONLY, *defaults.LABEL_METRICS, *defaults.SHOWN}
    if name in metrics | {"defaults"} or LATENCY.match(name):
        refuse(at, f"an outcome is called `{name}`, as a metric is", "give it another name")


class _Reading:
    """One outcome on its way from YAML."""

    def __init__(self, name: str, node: yaml.Node) -> None:
        self._name = name
        every = {key for keys in KEYS.values() for key in keys}
        block = Block(node, what=name, known=every)
        told = block.need("kind", example="kind: label")
        self._kind = scalar(told, choices.outcome_kind, what=f"{name}.kind")
        self._block = Block(node, what=f"the {self._kind} {name}", known=KEYS[self._kind])
        self._sources = {"kind": written(told)}

    def read(self) -> tuple[Outcome, dict[str, Source]]:
        """The outcome and the sources of its fields."""
        window = self._block.need("window", example="window: 10m")
        self._sources["window"] = written(window)
        fields: dict[str, Any] = {
            "name": self._name,
            "kind": self._kind,
            "window_s": scalar(window, units.window, what=f"{self._name}.window"),
            "delivery_s": self._take("delivery", units.duration, defaults.DELIVERY),
        }
        match self._kind:
            case OutcomeKind.LABEL:
                fields |= self._label()
            case OutcomeKind.RATE:
                fields["explicit"] = self._take("explicit", choices.yes, defaults.EXPLICIT)
            case OutcomeKind.MEAN:
                fields["explicit"] = self._take("explicit", choices.yes, defaults.EXPLICIT)
                fields |= self._range()
        return Outcome.model_validate(fields), self._sources

    def _take(self, key: str, parse: Any, default: str) -> Any:
        told = self._block.take(key, parse, default=default)
        self._sources[key] = told.source
        return told.value

    def _label(self) -> dict[str, Any]:
        classes = tuple(self._list("classes", units.words))
        if len(classes) > MOST_CLASSES:
            node = self._block.need("classes", example="")
            refuse(
                node,
                f"{self._name} has {len(classes)} classes",
                f"declare at most {MOST_CLASSES}, or leave `classes` out: any label counts then",
            )
        for place, label in enumerate(classes):
            if label in classes[:place]:
                node = self._block.need("classes", example="")
                refuse(node, f"class {label} stands twice", "keep one")
        positive = self._block.take_optional("positive", units.words)
        if positive is not None:
            self._sources["positive"] = positive.source
            if classes and positive.value not in classes:
                node = self._block.need("positive", example="")
                refuse(
                    node, f"`{positive.value}` is no class", did_you_mean(positive.value, classes)
                )
        probability = self._take("probability", choices.stated_in, defaults.PROBABILITY)
        told = "" if positive is None else positive.value
        return {"classes": classes, "positive": told, "probability": probability}

    def _range(self) -> dict[str, Any]:
        ends = list(self._list("range", _number))
        if not ends:
            return {}
        low, *high = ends
        if len(high) != 1 or low != 0 or high[0] <= 0:
            node = self._block.need("range", example="")
            why = f"the range of {self._name} is {kind(node)} that does not go from 0 upwards"
            refuse(node, why, "an exposure without an outcome counts as 0: write `range: [0, 500]`")
        if ends[1] > LARGEST:
            node = self._block.need("range", example="")
            why = f"the range of {self._name} goes beyond {LARGEST:.0f}"
            refuse(node, why, "publish the values in a larger unit, e.g. in thousands")
        return {"low": low, "high": high[0]}

    def _list(self, key: str, parse: Any) -> list[Any]:
        node = self._block.get(key)
        if node is None:
            return []
        what = f"{self._name}.{key}"
        items = listed(node, what=what, instead=f"write a list: `{key}: [a, b]`")
        self._sources[key] = written(node)
        return [scalar(item, parse, what=what) for item in items]


def _number(text: str) -> float:
    if not re.match(rf"^-?{units.NUMBER}$", text):
        raise units.UnitError(f"`{text}` is no number", "write e.g. `500`")
    return float(text)


@dataclass(frozen=True, slots=True)
class Asked:
    """The metrics that the declared outcomes can be asked for."""

    outcomes: tuple[Outcome, ...] = ()

    @property
    def label(self) -> Outcome | None:
        """The label outcome, if there is one."""
        return next((o for o in self.outcomes if o.kind is OutcomeKind.LABEL), None)

    @property
    def guardrails(self) -> tuple[str, ...]:
        """What is watched without being asked for."""
        return (defaults.LABEL_GUARDRAIL,) if self.label else ()

    @property
    def names(self) -> list[str]:
        """All that may be asked by name."""
        own = [o.name for o in self.outcomes if o.kind is not OutcomeKind.LABEL]
        return own + (list(defaults.LABEL_METRICS) if self.label else [])

    def default(self, name: str) -> MetricDefault | None:
        """The defaults of a metric of outcomes, None where there is no such metric."""
        if name in defaults.LABEL_METRICS:
            return defaults.LABEL_METRICS[name]
        if name.startswith(RECALL) and name != RECALL:
            return defaults.recall(name.removeprefix(RECALL))
        of = next((o for o in self.outcomes if o.name == name), None)
        if of is None or of.kind is OutcomeKind.LABEL:
            return None
        return defaults.RATE if of.kind is OutcomeKind.RATE else defaults.MEAN

    def outcome_of(self, name: str, default: MetricDefault) -> str | None:
        """Which outcome a metric is computed from; None for those of requests."""
        if default.kind in {MetricKind.RATE, MetricKind.MEAN}:
            return name
        of_label = name in defaults.LABEL_METRICS or name.startswith(RECALL)
        return self.label.name if of_label and self.label else None

    def check(self, name: str, at: yaml.Node) -> None:
        """Refuse what the declared outcomes cannot answer."""
        if name in defaults.SHOWN:
            refuse(at, f"{name} is no metric to test", "leave it out: it is told of every label")
        of_label = name in defaults.LABEL_METRICS or name.startswith(RECALL)
        if not of_label:
            return
        if self.label is None:
            refuse(at, f"{name} needs labels, and no outcome is one", f"add e.g. `{EXAMPLE}`")
        label, classes = name.removeprefix(RECALL), self.label.classes
        if name == "recall" and not classes:
            refuse(
                at,
                "recall of which classes?",
                "declare `classes: [..]` in the label outcome, or write the class: `recall:7`",
            )
        if name.startswith(RECALL) and classes and label not in classes:
            refuse(at, f"`{label}` is no class of {self.label.name}", did_you_mean(label, classes))

    def spread(self, name: str, default: MetricDefault) -> list[tuple[str, MetricDefault]]:
        """The metrics that one line of a spec stands for: `recall` is one for each class."""
        if name == "recall" and self.label is not None:
            return [(f"{RECALL}{c}", replace(default, label=c)) for c in self.label.classes]
        return [(name, default)]


def floor_of(name: str) -> str:
    """What the absolute floor beside a relative rule is called.

    >>> floor_of("accuracy")
    'accuracy_floor'
    """
    return f"{name}_floor"
