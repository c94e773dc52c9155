"""How does the Quix Streams peer run? In an environment of its own: its pins clash with ours."""

import sys
from pathlib import Path

from infra.rigs.cache import made_once, run

VERSION = "3.28.1"


def install() -> Path:
    """The folder of its environment, made once."""
    return made_once("quixstreams", VERSION, _fetch)


def command() -> list[str]:
    """What becomes the peer; it is told by `PEER_*` in the environment, and reads `schemas/`."""
    python = install() / "bin" / "python"
    return [str(python), "-W", "ignore", "-m", "tests.benchmarks.peers.quix_streams"]


def _fetch(folder: Path) -> None:
    run([sys.executable, "-m", "venv", "--copies", folder])
    run([folder / "bin" / "python", "-m", "pip", "install", "-q", f"quixstreams=={VERSION}"])
