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
from streams.spec.schema.parts import Schema, chance, one_of, pattern, whole


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
        "mode": one_of(
            Mode,
            "shadow: candidates get copies of requests, nothing of theirs is used.",
            defaults.MODE,
        ),
        "pair_within": pattern(
            time, "Longest time between both answers to a request (shadow); timeout if left out."
        ),
        "max_classes": whole(
            FEWEST_CLASSES,
            MOST_CLASSES,
            "Predicted classes told apart; the rest is `other`.",
            defaults.MAX_CLASSES,
        ),
        "overdispersion": one_of(
            Overdispersion,
            "measured: bursts that hit one arm alone are reckoned with.",
            defaults.OVERDISPERSION,
        ),
        "unit": one_of(
            Unit, "user: routing is sticky, a user's first error counts once.", defaults.UNIT
        ),
        "max_units": whole(
            FEWEST_UNITS,
            MOST_UNITS,
            "Users remembered by source partition; beyond it: invalid.",
            defaults.MAX_UNITS,
        ),
    }
