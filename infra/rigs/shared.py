"""Which process starts a part that several test processes share, and which one ends it?

The first to ask starts it, the others join; the starter ends it once nobody holds it any more.
File locks in a folder that the processes share keep the order. (pytest-xdist's own grouping of
tests, `--dist loadgroup`, does not work with this pytest's node ids.)
"""

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.rigs.cache import locked
from streams.demo.processes import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A part with the address at which it serves."""

    address: str
    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A part as its users see it."""

    name: str
    address: str
    log: Path


@contextmanager
def shared(name: str, folder: Path, start: Callable[[Path], Started]) -> Iterator[Shared]:
    """The part `name`, of which the processes that share `folder` have one at a time."""
    note, gate, users = (folder / f"{name}.{end}" for end in ("json", "gate", "users"))
    started: Started | None = None
    with locked(gate):
        if not note.exists():
            started = start(folder / name)
            said = {"address": started.address, "log": str(started.part.log)}
            note.write_text(json.dumps(said))
        known = json.loads(note.read_text())
        using = users.open("a")
        fcntl.flock(using, fcntl.LOCK_SH)
    try:
        yield Shared(name=name, address=known["address"], log=Path(known["log"]))
    finally:
        using.close()
        if started is not None:
            with locked(gate), locked(users):
                note.unlink()
                started.part.stop()
