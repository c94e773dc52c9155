"""One hook's thread: in order, tried again, given up loudly, never in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from streams.actuator.reader import RecordReader
from streams.demo.processes import wait_until
from streams.errors import HookAway, HookRefused
from streams.notify.facts import Notice
from streams.notify.health import status_of
from streams.notify.lane import Lane
from streams.notify.meters import Meters
from streams.notify.sender import MOST_WAITING, Pace, Parcel, Sender
from streams.serving.pulse import Pulse
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.notify.records import notice


@dataclass(slots=True)
class Ear:
    """Hears, after as many failures as it is given."""

    failures: list[BaseException] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    tries: list[float] = field(default_factory=list)

    def tell(self, told: Notice) -> None:
        self.tries.append(time.monotonic())
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append(told.key)

    def close(self) -> None:
        """Nothing is held."""


Start = Callable[..., tuple[Sender, Ear, list[str]]]


@pytest.fixture
def start(caplog: pytest.LogCaptureFixture) -> Iterator[Start]:
    """Starts a sender; the list is of notices that are done with."""
    caplog.set_level("INFO", "davy.notify")
    senders: list[Sender] = []

    def started(*failures: BaseException, give_up_s: float = 60.0) -> tuple[Sender, Ear, list[str]]:
        ear = Ear(failures=list(failures))
        pace = Pace(give_up_s=give_up_s, first_s=0.01, longest_s=0.05)
        senders.append(Sender("ear", ear, pace, Meters()))
        return senders[-1], ear, []

    yield started
    for sender in senders:
        sender.close()


def put(sender: Sender, done: list[str], *keys: str, wanted: bool = True) -> None:
    for key in keys:
        told, since = notice(key=key), time.monotonic()
        sender.put(
            Parcel(
                notice=told, done=lambda k=key: done.append(k), wanted=lambda: wanted, since=since
            )
        )


def settled(sender: Sender, done: list[str], count: int) -> None:
    def enough() -> bool:
        sender.settle()
        return len(done) >= count

    wait_until(enough, what="settled", deadline_s=20)


class TestOrder:
    def test_a_failure_is_tried_again_before_the_next(self, start: Start) -> None:
        """Whatever the hook's library throws counts as away."""
        sender, ear, done = start(HookAway("503"), RuntimeError("a bug"), HookAway("503"))
        put(sender, done, "a", "b")
        settled(sender, done, 2)
        assert ear.heard == done == ["a", "b"]
        assert len(ear.tries) == 5

    def test_the_receiver_says_when(self, start: Start) -> None:
        sender, ear, done = start(HookAway("429", after_s=0.3))
        put(sender, done, "a")
        settled(sender, done, 1)
        assert ear.tries[1] - ear.tries[0] >= 0.3


class TestGivingUp:
    def test_what_is_refused(self, start: Start, caplog: pytest.LogCaptureFixture) -> None:
        """Once, loudly; the next is told."""
        sender, ear, done = start(HookRefused("answered 400"))
        put(sender, done, "a", "b")
        settled(sender, done, 2)
        assert (ear.heard, len(ear.tries)) == (["b"], 2)
        [line] = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
        assert "given_up" in line
        assert "key=a" in line
        assert "answered 400" in line

    def test_what_is_away_for_too_long(
        self, start: Start, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Counted from when it was read: a backlog is not given its time one after the other."""
        sender, ear, done = start(*[HookAway("503")] * 1000, give_up_s=0.3)
        put(sender, done, "a", "b", "c")
        settled(sender, done, 3)
        assert ear.heard == []
        assert ear.tries[-1] - ear.tries[0] < 3
        lines = [r.getMessage() for r in caplog.records if "given_up" in r.getMessage()]
        assert len(lines) == 3
        assert 'why="away 0.3 s"' in lines[0]


class TestSecrets:
    def test_what_a_library_says_is_not_quoted(
        self, start: Start, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The address of a registry may stand in it, with its password; where it was thrown is."""
        text = "cannot connect to postgresql://davy:hush@db/mlflow"
        sender, _, done = start(*[RuntimeError(text)] * 1000, give_up_s=0.2)
        put(sender, done, "a")
        settled(sender, done, 1)
        lines = [record.getMessage() for record in caplog.records]
        assert any("away" in line and "RuntimeError at test_sender.py:" in line for line in lines)
        assert any("given_up" in line and "RuntimeError at" in line for line in lines)
        assert not any("hush" in line for line in lines)


class TestDeath:
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_a_thread_that_ended_is_dead_for_whoever_asks(self, start: Start) -> None:
        """A library that leaves the process ends the thread alone; the lane's loop goes on."""
        sender, _, done = start(SystemExit(1))
        settings, meters = Settings(), Meters()
        reader = RecordReader(Codec(LocalSchemaStore(), ""))
        lane = Lane(settings, "ear", lambda _: True, sender, reader, Pulse(), meters)
        assert status_of([lane], 60).dead == ()
        put(sender, done, "a")
        wait_until(lambda: bool(status_of([lane], 60).dead), what="told dead", deadline_s=10)
        [why] = status_of([lane], 60).dead
        assert "thread that tells hook ear has ended" in why

    def test_one_that_was_closed_is_not(self, start: Start) -> None:
        sender, _, _ = start()
        sender.close()
        assert not sender.died


class TestOwnership:
    def test_what_is_another_members_is_not_told(self, start: Start) -> None:
        sender, ear, done = start()
        put(sender, done, "a", wanted=False)
        put(sender, done, "b")
        settled(sender, done, 2)
        assert ear.heard == ["b"]

    def test_it_says_when_enough_waits(self, start: Start) -> None:
        """Its owner stops reading then; it is not stopped itself."""
        sender, _, done = start(HookAway("503", after_s=2.0))
        put(sender, done, *map(str, range(MOST_WAITING)))
        assert (sender.full, sender.eager) == (True, False)
        settled(sender, done, MOST_WAITING)
        assert (sender.full, sender.eager) == (False, True)

    def test_the_end_waits_for_nobody(self, start: Start) -> None:
        """What is not told is not done: it is told after the next start."""
        sender, _, done = start(*[HookAway("503")] * 10_000)
        put(sender, done, "a")
        begun = time.monotonic()
        sender.close()
        assert time.monotonic() - begun < 4
        assert done == []
