"""Do outcomes come at all? Where none does, nobody knows what more traffic would do: no raise.

Beside coverage, which compares the arms: a source that fell silent is alike for both.
"""

from __future__ import annotations

from typing import Any

from streams.judge.decision_facts import HealthCheck
from streams.judge.health import told
from streams.sketches.outcome_cell import OutcomeCells
from streams.spec.model import ALL_SEGMENT
from streams.spec.outcome_facts import Outcome

FIRST = 50
"""Matured exposures without any outcome from which one that was never heard is silent."""
MISSED = 20.0
"""Outcomes that should have come, from which one that was heard is: chance misses e^-20."""


class SilenceCheck:
    """Of one outcome, all arms together. It passes again as soon as one comes."""

    def __init__(self, outcome: Outcome) -> None:
        self.name = f"label_silence:{outcome.name}"
        self._heard = 0
        """Matured exposures up to the last cohort with an outcome, it included."""
        self._answered = 0
        self._unheard = 0
        """Matured exposures since."""

    def add(self, cells: OutcomeCells) -> None:
        """A matured cohort."""
        whole = [cell for (segment, _), cell in cells.items() if segment == ALL_SEGMENT]
        self._unheard += sum(cell.exposures for cell in whole)
        answered = sum(cell.answered for cell in whole)
        if answered:
            self._answered += answered
            self._heard, self._unheard = self._heard + self._unheard, 0

    @property
    def failed(self) -> bool:
        """Whether more should have come by now."""
        if not self._heard:
            return self._unheard >= FIRST
        return self._unheard * self._answered >= MISSED * self._heard

    def check(self) -> HealthCheck:
        """The check; observed are exposures since the last outcome."""
        said = (
            f"silent: nothing has come of the last {self._unheard} matured exposures; see whether "
            f"its source still publishes to `outcomes`, under the metric's name and with the "
            f"predictions' keys; nothing is raised before"
        )
        heard = "heard" if self._heard else "no_data"
        return told(
            self.name,
            said if self.failed else heard,
            ok=not self.failed,
            observed=float(self._unheard),
            expected=None,
        )

    def to_state(self) -> dict[str, Any]:
        """The sums as JSON values."""
        return {"heard": self._heard, "answered": self._answered, "unheard": self._unheard}

    def restore(self, state: dict[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._heard, self._answered = state["heard"], state["answered"]
        self._unheard = state["unheard"]
