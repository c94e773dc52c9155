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
