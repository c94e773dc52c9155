"""How does a real Alertmanager run here? The Debian package's program, on loopback, alone."""

import shutil
from pathlib import Path

from infra.rigs.cache import need
from streams.demo.processes import HOST, Part, Parts, free_port

PROGRAM = "prometheus-alertmanager"
CONFIG = """\
route: {receiver: nobody}
receivers: [{name: nobody}]
"""


def start(parts: Parts, folder: Path) -> tuple[Part, str]:
    """Start it; the process and its address.

    Raises:
        Absent: there is no such program.
        PartError: it did not get ready; with the end of its log.
    """
    need(PROGRAM)
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "alertmanager.yml"
    config.write_text(CONFIG)
    command: list[str | Path] = [shutil.which(PROGRAM) or PROGRAM, "--config.file", config]
    command += ["--storage.path", folder / "data", "--cluster.listen-address="]
    command += ["--web.listen-address", f"{HOST}:{port}"]
    part = parts.start("alertmanager", command)
    part.wait_for_port(port)
    return part, f"http://{HOST}:{port}"
