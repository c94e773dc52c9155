"""One of davy's processes hangs inside a write: the others go on, and it changes nothing later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.actuator.routers import lock
from streams.actuator.routers.files import locked, replace_text
from streams.actuator.routers.lock import drafted, holding
from streams.errors import TargetConflict


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.05)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "routes.json"
    path.write_text("old")
    yield path
    assert not list(tmp_path.glob("*draft*")), "drafts are left behind"


class TestLock:
    def test_others_do_not_wait_for_ever(self, file: Path) -> None:
        """A holder that does not let go is passed by."""
        with locked(file):
            with locked(file) as second:
                replace_text(second, "new")
            assert file.read_text() == "new"

    def test_whoever_hung_writes_nothing(self, file: Path) -> None:
        """Before its draft was made: the lock is another one by then."""
        with locked(file) as hung:
            with locked(file) as second:
                replace_text(second, "new")
            with pytest.raises(TargetConflict, match="hung"):
                replace_text(hung, "stale")
        assert file.read_text() == "new"

    def test_between_the_look_at_the_lock_and_the_write(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its draft is gone."""
        with locked(file) as hung:

            def others() -> None:
                with locked(file) as second:
                    replace_text(second, "new")

            look = lock.Hold.check

            def check(self: lock.Hold) -> None:
                look(self)
                if self is hung:
                    others()

            monkeypatch.setattr(lock.Hold, "check", check)
            with pytest.raises(TargetConflict, match="hung"):
                replace_text(hung, "stale")
        assert file.read_text() == "new"

    def test_the_next_one_takes_its_turn(self, file: Path) -> None:
        """A broken lock is whole again: held, waited for, let go."""
        with locked(file), locked(file) as second:
            second.check()
        with locked(file) as third:
            third.check()
            replace_text(third, "third")
        assert file.read_text() == "third"

    def test_drafts_of_the_living_stay(self, file: Path) -> None:
        """Only who breaks a lock sweeps."""
        descriptor, draft = drafted(file)
        os.close(descriptor)
        with holding(file) as hold:
            hold.check()
            assert draft.exists()
        draft.unlink()
