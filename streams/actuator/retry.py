"""When is a failed change tried again? Lowering for ever, raising a few times."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from streams.errors import RouterError, TargetTransient

FIRST_S = 0.5
LONGEST_S = 30.0
RAISE_TRIES = 4
ALERT_AFTER = 3


@dataclass(slots=True, kw_only=True)
class Retry:
    """Exponential backoff with full jitter above a half: 0.25-0.5 s, 0.5-1 s ... 15-30 s."""

    dice: random.Random
    tries: int = 0
    due: float | None = field(default=None)
    """Monotonic seconds of the next try; None: nothing failed."""

    def failed(self, now: float, why: RouterError) -> None:
        """Note a failure; `due` says when to try again, in monotonic seconds as `now`.

        A target that asks to be left alone is, for at most 30 s.
        """
        pause = min(LONGEST_S, FIRST_S * 2.0 ** min(self.tries, 10))
        self.tries += 1
        jittered = pause * (0.5 + self.dice.random() / 2)
        asked = why.retry_after_s if isinstance(why, TargetTransient) else 0.0
        self.due = now + max(jittered, min(asked, LONGEST_S))

    def clear(self) -> None:
        """It worked, or something else is wanted."""
        self.tries, self.due = 0, None

    @property
    def alerting(self) -> bool:
        """Exactly when a person must be told."""
        return self.tries == ALERT_AFTER
