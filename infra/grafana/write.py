"""Dashboards of davy, written as Grafana reads them: `python -m infra.grafana.write`.

Made of facts; a metric that no process exposes is refused, so that no panel can rot.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infra.docs.metrics_table import catalogue
from infra.grafana.panels import Dashboard, rendered, unknown
from infra.grafana.processes import DAVY
from infra.grafana.rollout import ROLLOUT

FOLDER = Path(__file__).parent / "dashboards"
ALL = (ROLLOUT, DAVY)


def path_of(dashboard: Dashboard) -> Path:
    """Where its JSON lies."""
    return FOLDER / f"{dashboard.uid}.json"


def text_of(dashboard: Dashboard) -> str:
    """Its JSON."""
    return json.dumps(rendered(dashboard), indent=1) + "\n"


def main() -> None:
    """Write all; exits with the names that no process exposes, if a dashboard has such."""
    exposed = catalogue()
    wrong = [f"{each.uid}: {name}" for each in ALL for name in unknown(each, exposed)]
    if wrong:
        sys.exit("\n".join(["no process exposes what a dashboard names:", *wrong]))
    FOLDER.mkdir(exist_ok=True)
    for each in ALL:
        path_of(each).write_text(text_of(each))
        sys.stdout.write(f"{path_of(each)} is written\n")


if __name__ == "__main__":
    main()
