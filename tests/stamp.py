"""When, and at which commit, is something measured? Kept beside each figure."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMIT = ("git", "describe", "--always", "--dirty", "--exclude", "*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Both are empty where nobody can tell."""

    date: str = ""
    """ISO day, UTC."""
    commit: str = ""
    """Abbreviated; with `-dirty` where files differ from it."""


def stamp() -> Stamp:
    """Now; without git, or outside of a repository, no commit is named."""
    try:
        told = subprocess.run(COMMIT, cwd=ROOT, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        commit = ""
    else:
        commit = told.stdout.strip()
    return Stamp(date=datetime.now(UTC).date().isoformat(), commit=commit)
