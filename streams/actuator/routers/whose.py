"""May a router tidy up at its rollout's end? Not what another rollout has taken over meanwhile.

Between the last look at a target and its rollout's end the next rollout may write there.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.actuator.ports import Fence


@dataclass(slots=True, kw_only=True)
class Whose:
    """For which rollout a router works: it is told with each write, but not in the end.

    Until it has written, it is the one whose fence it saw last.
    """

    wrote: str = ""
    saw: str = ""

    def look(self, there: Fence | None) -> None:
        """A target with this fence was seen."""
        self.saw = "" if there is None else there.rollout

    def write(self, fence: Fence) -> None:
        """A write under this fence is asked for."""
        self.wrote = fence.rollout

    def may_tidy(self, there: Fence | None) -> bool:
        """Whether nobody else has taken over a target with this fence."""
        return there is None or there.rollout == (self.wrote or self.saw)
