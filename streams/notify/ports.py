"""What must a hook be able to do? One verb.

A hook is called by one thread at a time, and maybe twice with the same notice: what it does must
be the same then, or carry the notice's key for whoever receives it.
"""

from __future__ import annotations

from typing import Protocol

from streams.notify.facts import Notice


class Hook(Protocol):
    """Somebody who is told."""

    def tell(self, notice: Notice) -> None:
        """Tell a transition; returns once it has arrived, or where it is none of its business.

        Raises:
            HookAway: it did not arrive; it may the next time.
            HookRefused: it will not be taken, however often it is told.
        """
        ...

    def close(self) -> None:
        """Let connections go."""
        ...
