"""How does the Quix Streams peer run? In an environment of its own: its pins clash with ours."""

import hashlib
import sys
from pathlib import Path

from infra.rigs.cache import made_once, run

LOCK = Path(__file__).with_name("quix.lock")
"""What it is made of, with hashes: `uv pip compile --generate-hashes` of `quixstreams`."""


def install() -> Path:
    """The folder of its environment, made once."""
    return made_once("quixstreams", hashlib.sha256(LOCK.read_bytes()).hexdigest()[:8], _fetch)


def command() -> list[str]:
    """What becomes the peer; it is told by `PEER_*` in the environment, and reads `schemas/`."""
    python = install() / "bin" / "python"
    return [str(python), "-W", "ignore", "-m", "tests.benchmarks.peers.quix_streams"]


def _fetch(folder: Path) -> None:
    run([sys.executable, "-m", "venv", "--copies", folder])
    python, quiet = folder / "bin" / "python", ("-q", "--disable-pip-version-check")
    run([python, "-m", "pip", "install", *quiet, "--require-hashes", "-r", LOCK])
