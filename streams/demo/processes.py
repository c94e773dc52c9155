"""How does a part (broker, proxy, worker) start, become ready, and surely end?

A part is a child in a process group of its own with its output in a log file. It ends with
`stop`, which ends the whole group, and by its leash when the starting process dies first.
"""

import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Self

import httpx

from streams.errors import PartError

HOST = "127.0.0.1"
POLL_S = 0.02
GRACE_S = 10.0
# Below the range from which systems take the ports of outgoing connections (Linux: 32768 up), so
# that a port stays free between the look and the part's own bind, and over a part's restart.
PORTS = range(15_000, 30_000)


def wait_until(condition: Callable[[], bool], *, what: str, deadline_s: float) -> None:
    """Poll `condition` until it holds; PartError naming `what` after `deadline_s` seconds."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise PartError(f"waited {deadline_s:g} s for {what}, which did not come")
        time.sleep(POLL_S)


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different TCP ports on loopback, of this process as long as it lives.

    Nobody listens on them now, and no other process of this user gets one of them from here.
    """
    dice, found = random.SystemRandom(), list[int]()
    while len(found) < count:
        port = dice.choice(PORTS)
        if port not in _TAKEN and _is_free(port) and _reserve(port):
            _TAKEN.add(port)
            found.append(port)
    return tuple(found)


_TAKEN = set[int]()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _reserve(port: int) -> bool:
    """Lock the port's byte of a file; the system lets go of it when this process ends."""
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _reservations() -> int:
    """The file, open until this process ends: closing it once would drop all locks."""
    path = Path(tempfile.gettempdir()) / f"davy-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def free_port() -> int:
    """One TCP port on loopback that nobody listens on now."""
    return free_ports(1)[0]


def listens(port: int, host: str = HOST) -> bool:
    """Whether somebody accepts connections there now."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def serves(url: str) -> bool:
    """Whether a GET of the address is answered with success now."""
    try:
        return httpx.get(url, timeout=2.0).is_success
    except httpx.HTTPError:
        return False


def tail(log: Path, lines: int = 30) -> str:
    """The last lines of a log file; empty where there is none."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


class Part:
    """One running child with its whole process group. Use as a context manager, or `stop` it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start `command` with `env` on top of this environment; output is appended to `log`."""
        self.name = name
        self.log = log
        argv = [*_leash(), *map(str, command)]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                cwd=cwd,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        """The child's process id, which is its process group too."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child itself still runs (a stopped one, SIGSTOP, does)."""
        return self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The child's exit code, minus the signal's number where one ended it; None: it runs."""
        return self._child.poll()

    def tail(self, lines: int = 30) -> str:
        """The last lines of the part's log."""
        return tail(self.log, lines)

    def wait_until(self, condition: Callable[[], bool], *, what: str, deadline_s: float) -> None:
        """Poll `condition`; PartError with the log's tail when the part ends or time is up."""

        def ended_or_true() -> bool:
            return not self.running or condition()

        try:
            wait_until(ended_or_true, what=f"{self.name}: {what}", deadline_s=deadline_s)
        except PartError as error:
            raise PartError(f"{error}; the end of {self.log}:\n{self.tail()}") from None
        if not self.running:
            raise PartError(
                f"{self.name} ended with code {self.exit_code} before {what}; "
                f"the end of {self.log}:\n{self.tail()}"
            )

    def wait_for_port(self, port: int, *, deadline_s: float = 20.0) -> None:
        """Wait until somebody listens on the loopback port."""
        self.wait_until(lambda: listens(port), what=f"port {port} opens", deadline_s=deadline_s)

    def wait(self, *, deadline_s: float) -> int:
        """Wait for the child's own end and return its exit code; PartError after the deadline."""
        try:
            return self._child.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise PartError(
                f"{self.name} still runs after {deadline_s:g} s; "
                f"the end of {self.log}:\n{self.tail()}"
            ) from None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; nothing happens where the group is gone."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says the second for zombies
            return

    def kill(self) -> None:
        """SIGKILL the whole group and reap the child."""
        self.signal(signal.SIGKILL)
        self._child.wait()

    def stop(self, *, grace_s: float = GRACE_S) -> int:
        """SIGTERM, wait for the child, then SIGKILL what is left of its group; its exit code."""
        if self.running:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)  # a stopped child could not obey
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(grace_s)
        self.kill()
        return self._child.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Parts:
    """Several parts with their logs in one folder; they end in the reverse order of their start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts: list[Part] = []

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Part:
        """Start a part that logs to `<folder>/<name>.log` and keep it."""
        return self.keep(Part(name, command, log=self.folder / f"{name}.log", env=env, cwd=cwd))

    def keep(self, part: Part) -> Part:
        """Take care of a part that somebody else started."""
        self._parts.append(part)
        return part

    def __iter__(self) -> Iterator[Part]:
        return iter(tuple(self._parts))

    def stop(self) -> None:
        """End all of them; a part's failure to end keeps none of the others."""
        while self._parts:
            self._parts.pop().stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _leash() -> list[str]:
    """The prefix of a command that ties it to this process.

    Linux ties a child to the *thread* that started it, and only the main one surely stays.
    """
    if threading.current_thread() is not threading.main_thread():
        return []
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py")), str(os.getpid())]
