"""What is tolerated of a mean, and which side of it is harm?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Harm(StrEnum):
    """Which change of the mean is harm."""

    LESS = "less"
    MORE = "more"


class Against(StrEnum):
    """How a margin is measured: as a share of the baseline's mean or in the metric's unit."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, kw_only=True)
class MeanMargin:
    """The limit of mean_c: (1 + margin) mean_b if relative, mean_b + margin if absolute.

    >>> MeanMargin(harm=Harm.LESS, against=Against.RELATIVE, margin=-0.02).limit
    0.98
    """

    harm: Harm
    against: Against
    margin: float = 0.0

    def __post_init__(self) -> None:
        if self.against is Against.RELATIVE and not self.margin > -1.0:
            raise ValueError(
                f"a relative margin must be above -1, got {self.margin}: -0.02 tolerates 2 % less"
            )

    @property
    def limit(self) -> float:
        """The ratio of means, or their difference in the metric's unit, at the limit."""
        return 1.0 + self.margin if self.against is Against.RELATIVE else self.margin

    @property
    def harm_sign(self) -> int:
        """+1 where a mean above the limit is harm, -1 where one below it is."""
        return 1 if self.harm is Harm.MORE else -1
