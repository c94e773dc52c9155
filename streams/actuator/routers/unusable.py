"""What stands in for a router that cannot be opened? One that says why, at every question."""

from __future__ import annotations

from typing import NoReturn

from streams.actuator.ports import (
    Applied,
    Capabilities,
    Desired,
    Fence,
    FenceKind,
    Observed,
    Outcome,
    Verification,
)
from streams.errors import RouterError
from streams.spec.model import FULL_BP


class UnusableRouter:
    """See Router; so that a spec with a wrong target is reported like any other failure."""

    def __init__(self, why: RouterError) -> None:
        self._why = why

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return Capabilities(largest_weight=FULL_BP, fence=FenceKind.PROCESS, survives_restart=False)

    def observe(self) -> Observed:
        """Raise."""
        self._refuse()

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:  # noqa: ARG002
        """Raise."""
        self._refuse()

    def sign(self, *, expect: str | None, fence: Fence) -> str:  # noqa: ARG002
        """Raise."""
        self._refuse()

    def verify(self, desired: Desired) -> Verification:  # noqa: ARG002
        """Raise."""
        self._refuse()

    def finalize(self, outcome: Outcome) -> None:
        """Nothing was begun."""

    def _refuse(self) -> NoReturn:
        raise type(self._why)(str(self._why))
