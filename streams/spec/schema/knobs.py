"""What may stand where a field is one value?"""

from __future__ import annotations

from streams.spec import defaults, units
from streams.spec.model import (
    FEWEST_CLASSES,
    FEWEST_UNITS,
    MOST_CLASSES,
    MOST_UNITS,
    SILENCE_LEASES,
    Mode,
    Overdispersion,
    Unit,
)
from streams.spec.schema.parts import Schema, chance, pattern


def knobs_schema() -> Schema:
    """The JSON Schema of each such field."""
    time = units.DURATION
    never = rf"{time}|^never$"
    return {
        "alpha_rollback": chance("Chance of a false rollback.", defaults.ALPHA_ROLLBACK),
        "alpha_promote": chance("Chance of a false promotion.", defaults.ALPHA_PROMOTE),
        "timeout": pattern(time, "Longest completion of a request.", defaults.TIMEOUT),
        "routing_lag": pattern(time, "Until a new weight is in full effect.", defaults.ROUTING_LAG),
        "report_every": pattern(time, "A decision at least this often.", defaults.REPORT_EVERY),
        "lease": pattern(time, "How long a silent judge is trusted.", defaults.LEASE),
        "silence_rollback": pattern(
            never, f"Silence until traffic goes back; {SILENCE_LEASES} leases if left out."
        ),
        "mode": {
            "enum": [mode.value for mode in Mode],
            "default": defaults.MODE,
            "description": "shadow: candidates get copies of requests, nothing of theirs is used.",
        },
        "pair_within": pattern(
            time, "Longest time between both answers to a request (shadow); timeout if left out."
        ),
        "max_classes": {
            "type": "integer",
            "minimum": FEWEST_CLASSES,
            "maximum": MOST_CLASSES,
            "default": int(defaults.MAX_CLASSES),
            "description": "Predicted classes told apart; the rest is `other`.",
        },
        "overdispersion": {
            "enum": [kind.value for kind in Overdispersion],
            "default": defaults.OVERDISPERSION,
            "description": "measured: bursts that hit one arm alone are reckoned with.",
        },
        "unit": {
            "enum": [unit.value for unit in Unit],
            "default": defaults.UNIT,
            "description": "user: routing is sticky, a user's first error counts once.",
        },
        "max_units": {
            "type": "integer",
            "minimum": FEWEST_UNITS,
            "maximum": MOST_UNITS,
            "default": int(defaults.MAX_UNITS),
            "description": "Users remembered by source partition; beyond it: invalid.",
        },
    }
