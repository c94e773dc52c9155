"""Which fields of a spec are one value each, and how is each of them read?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from streams.spec import choices, defaults, outcomes, segments, units
from streams.spec.model import FEWEST_CLASSES, FEWEST_UNITS, MOST_CLASSES, MOST_UNITS
from streams.spec.provenance import Source, Told
from streams.spec.reader import DEFAULT, Block, refuse

NEVER = "never"
Knobs = tuple[dict[str, Any], dict[str, Source]]


@dataclass(frozen=True, slots=True)
class Knob:
    """A field that is one value, by its key in YAML."""

    key: str
    parse: Callable[[str], Any]
    default: str | None
    """As a person would write it; None where the model derives it from other fields."""
    suffix: str = ""
    """What the model adds to the key: the unit."""

    @property
    def field(self) -> str:
        """What the model calls it."""
        return f"{self.key}{self.suffix}"


def or_never(text: str) -> float | None:
    """A time in seconds; None for `never`."""
    return None if text == NEVER else units.duration(text)


KNOBS = (
    Knob("alpha_rollback", units.probability, defaults.ALPHA_ROLLBACK),
    Knob("alpha_promote", units.probability, defaults.ALPHA_PROMOTE),
    Knob("timeout", units.duration, defaults.TIMEOUT, "_s"),
    Knob("routing_lag", units.duration, defaults.ROUTING_LAG, "_s"),
    Knob("report_every", units.duration, defaults.REPORT_EVERY, "_s"),
    Knob("lease", units.duration, defaults.LEASE, "_s"),
    Knob("silence_rollback", or_never, None, "_s"),
    Knob("max_classes", units.count, defaults.MAX_CLASSES),
    Knob("overdispersion", choices.overdispersion, defaults.OVERDISPERSION),
    Knob("segment_budget", units.part, defaults.SEGMENT_BUDGET),
    Knob("on_segment_harm", choices.segment_harm, defaults.ON_SEGMENT_HARM),
    Knob("unit", choices.unit, defaults.UNIT),
    Knob("max_units", units.count, defaults.MAX_UNITS),
    Knob("outcome_sample", units.sample, defaults.OUTCOME_SAMPLE),
)
MAY_BE_ZERO = "routing_lag"
NEEDS = {
    "segment_budget": ("segments", segments.EXAMPLE),
    "on_segment_harm": ("segments", segments.EXAMPLE),
    "outcome_sample": ("outcomes", outcomes.EXAMPLE),
}
"""Without what a knob turns nothing, and how that is written."""


def read_knobs(block: Block) -> Knobs:
    """Values by the model's names, as far as it needs them, and the source of each by its key."""
    told = {knob: found for knob in KNOBS if (found := _taken(block, knob)) is not None}
    for knob, found in told.items():
        node = block.get(knob.key)
        if node is not None:
            _check_needs(node, knob.key, block)
            _check_value(node, knob.key, found.value)
    values = {knob.field: found.value for knob, found in told.items()}
    sources = {knob.key: told[knob].source if knob in told else DEFAULT for knob in KNOBS}
    return values, sources


def _taken(block: Block, knob: Knob) -> Told[Any] | None:
    """What the spec says, or the default; None where neither does."""
    if knob.default is None:
        return block.take_optional(knob.key, knob.parse)
    return block.take(knob.key, knob.parse, default=knob.default)


def _check_needs(node: yaml.Node, key: str, block: Block) -> None:
    needed, example = NEEDS.get(key, ("", ""))
    if needed and needed not in block:
        refuse(node, f"{key} is given without {needed}", f"add e.g. `{example}`")


def _check_value(node: yaml.Node, key: str, value: float | str | None) -> None:
    if value is None or isinstance(value, str):
        return
    if key == "max_classes" and not FEWEST_CLASSES <= value <= MOST_CLASSES:
        instead = f"write {FEWEST_CLASSES} to {MOST_CLASSES}; the rest is counted as `other`"
        refuse(node, f"max_classes is {value}", instead)
    if key == "max_units" and not FEWEST_UNITS <= value <= MOST_UNITS:
        instead = f"write {FEWEST_UNITS} to {MOST_UNITS}; each takes up to 64 bytes"
        refuse(node, f"max_units is {value}", instead)
    if value == 0 and key != MAY_BE_ZERO:
        refuse(node, f"{key} is 0", "write a time above 0")
