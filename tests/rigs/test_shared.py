"""Processes that share a part start it once, and it ends after its last user."""

import sys
from pathlib import Path

import pytest

from infra.rigs.cache import made_once
from infra.rigs.shared import Started, shared
from streams.demo.processes import Part, Parts

SLEEPER = "import signal; signal.pause()"
JOINER = """
import os, sys, time
from pathlib import Path
from infra.rigs.shared import shared
folder, done = map(Path, sys.argv[1:])

def never(at):
    raise SystemExit("a second one started")

with shared("part", folder, never) as part:
    print("joined", part.address, flush=True)
    while not done.exists():
        time.sleep(0.01)
    os.kill(int(part.address), 0)  # the starter has left its block; the part must be there yet
"""


def sleeper(folder: Path) -> Started:
    part = Part("part", [sys.executable, "-c", SLEEPER], log=folder / "part.log")
    return Started(address=str(part.pid), part=part)


class TestShared:
    def test_others_join_and_the_starter_waits_for_them(self, tmp_path: Path, parts: Parts) -> None:
        """A second process gets the first one's part, which outlives the starter's own use."""
        done = tmp_path / "done"
        joiner: Part | None = None
        with shared("part", tmp_path, sleeper) as part:
            command = [sys.executable, "-c", JOINER, str(tmp_path), str(done)]
            joiner = parts.start("joiner", command, cwd=Path(__file__).parents[2])
            joiner.wait_until(lambda: "joined" in joiner.tail(), what="it joins", deadline_s=20)
            assert joiner.tail() == f"joined {part.address}"
            done.touch()
        assert joiner.wait(deadline_s=5) == 0

    def test_a_later_user_starts_anew(self, tmp_path: Path) -> None:
        """After the last user the part has ended, and the next one starts another."""
        started: list[Started] = []

        def start(folder: Path) -> Started:
            started.append(sleeper(folder))
            return started[-1]

        for _ in range(2):
            with shared("part", tmp_path, start):
                assert started[-1].part.running
            assert not started[-1].part.running
        assert len(started) == 2


class TestMadeOnce:
    def test_a_failed_make_leaves_nothing(self, tmp_path: Path, monkeypatch) -> None:
        """Only a whole folder takes the final name, and then it is made no second time."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        made: list[Path] = []

        def broken(folder: Path) -> None:
            (folder / "half").touch()
            raise OSError("no space")

        with pytest.raises(OSError, match="no space"):
            made_once("part", "1", broken)
        assert not (tmp_path / "davy" / "part" / "1").exists()
        for _ in range(2):
            folder = made_once("part", "1", made.append)
        assert folder == tmp_path / "davy" / "part" / "1"
        assert len(made) == 1
        assert {path.name for path in folder.parent.iterdir()} == {"1", "1.lock"}
