"""Which processes does davy have, and at which port does each tell how it is? From their code."""

from __future__ import annotations

from infra.docs.cli_tables import command_rows
from streams.actuator.service import PORT as ACTUATOR
from streams.agents.worker import PORT as WORKER
from streams.dashboard.service import PORT as DASHBOARD
from streams.exporter.export import PORT as EXPORTER
from streams.notify.service import PORT as NOTIFY
from streams.verdicts.service import PORT as VERDICTS

HEADER = ("process", "port", "does")
PORTS = {
    "worker": WORKER,
    "actuator": ACTUATOR,
    "verdicts": VERDICTS,
    "resources export": EXPORTER,
    "notify": NOTIFY,
    "dashboard": DASHBOARD,
}
"""By command."""


def rows() -> list[tuple[str, ...]]:
    """The command, its usual port, and what its help says first."""
    says = dict(command_rows())
    return [
        (name, str(port), says[name])
        for name, port in ((f"`davy {command}`", port) for command, port in PORTS.items())
    ]
