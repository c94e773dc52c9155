"""Who measures time is alone; the others are together, and nobody overtakes who waits."""

import fcntl
import sys
from pathlib import Path

from infra.rigs.turnstile import turnstile
from streams.demo.processes import Parts

CHILD = """
import sys
from pathlib import Path
from infra.rigs.turnstile import turnstile
with turnstile(Path(sys.argv[1]), alone=sys.argv[2] == "alone"):
    print("in", flush=True)
"""
STARTS = """
import sys
from pathlib import Path
from infra.rigs.shared import Started
from streams.demo.processes import Part, wait_until

JOINED = Path(__file__).with_name("joined")

def begin(folder):
    sleeper = Part("part", [sys.executable, "-c", "import signal; signal.pause()"],
                   log=folder.with_suffix(".log"))
    return Started(address=str(sleeper.pid), part=sleeper)

def test_the_last_one_of_who_starts_it(share):
    share("part", begin)
    wait_until(JOINED.exists, what="the other uses it", deadline_s=60)
"""
JOINS = """
from pathlib import Path
import pytest
from streams.demo.processes import wait_until

RUN = Path(__file__).parent

def test_uses_it(share, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp().parent
    wait_until((folder / "part.json").exists, what="it is started", deadline_s=60)
    share("part", None)
    (RUN / "joined").touch()

@pytest.mark.alone
def test_alone():
    (RUN / "alone").touch()
"""
"""Each file goes to a process of its own."""
ROOT = Path(__file__).parents[2]


def child(folder: Path, how: str) -> list[str]:
    return [sys.executable, "-c", CHILD, str(folder), how]


def is_free(lock: Path) -> bool:
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class TestTurnstile:
    def test_many_together(self, tmp_path: Path, parts: Parts) -> None:
        """Two that do not mind each other are in the room at the same time."""
        with turnstile(tmp_path, alone=False):
            assert (
                parts.start("other", child(tmp_path, "beside"), cwd=ROOT).wait(deadline_s=20) == 0
            )

    def test_one_alone(self, tmp_path: Path, parts: Parts) -> None:
        """One that wants to be alone waits, shuts the gate meanwhile, and comes in at last."""
        with turnstile(tmp_path, alone=False):
            other = parts.start("other", child(tmp_path, "alone"), cwd=ROOT)
            other.wait_until(
                lambda: (tmp_path / "room.gate").exists() and not is_free(tmp_path / "room.gate"),
                what="it waits at the gate",
                deadline_s=20,
            )
            assert other.tail() == ""
        assert other.wait(deadline_s=20) == 0
        assert other.tail() == "in"

    def test_who_starts_a_part_does_not_wait_for_its_users_in_the_room(
        self, tmp_path: Path, parts: Parts
    ) -> None:
        """One of them may still have a test that wants to be alone: both would wait for ever."""
        for name, text in (("test_starts.py", STARTS), ("test_joins.py", JOINS)):
            (tmp_path / name).write_text(text)
        command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-n", "2"]
        places = ["--dist", "loadfile", "--rootdir", str(tmp_path), "-c", "/dev/null"]
        run = parts.start("run", [*command, *places, str(tmp_path)], cwd=ROOT)
        assert run.wait(deadline_s=120) == 0, run.tail(50)
        assert (tmp_path / "alone").exists()
