"""`python -m tests.soak.planted WHAT worker|actuator`: davy with a bug or an accident in it."""

from __future__ import annotations

import sys

from streams.cli import app
from tests.soak.planted import accidents, bugs

PLANTED = {
    "skip-one": bugs.skip_one,
    "count-twice": bugs.count_twice,
    "drop-snapshot": bugs.drop_snapshot,
    "apply-old": bugs.apply_old,
    "die-in-flush": accidents.die_in_flush,
    "die-after-flush": accidents.die_after_flush,
    "slow": accidents.slow,
    "fail-in-fold": accidents.fail_in_fold,
}


if __name__ == "__main__":
    PLANTED[sys.argv.pop(1)]()
    app()
