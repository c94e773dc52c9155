"""How do davy's programs start at once? They are forked by a process that has imported them.

To import a worker takes seconds of a core, and tests and soaks start hundreds. As a program
(`python -m tests.nursery`) it takes one JSON object a line and answers with a number.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Self

from streams.cli.lazy import modules
from streams.demo.leash import PR_SET_PDEATHSIG
from streams.demo.processes import GRACE_S, Part, tail, wait_until
from streams.errors import PartError

ROOT = Path(__file__).parents[1]
TREES = ("streams.cli.main", "streams.cli.rollout")
"""Where commands are told, which are imported on use elsewhere."""
SLOW = (
    "streams.agents.worker",
    "streams.actuator.service",
    "streams.replay.check",
)
RUNS = -1000
"""Answer to a question for an exit code."""


class Nursery:
    """The process that forks. Use as a context manager, or `stop` it."""

    def __init__(self, log: Path, env: Mapping[str, str]) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        with log.open("ab") as errors:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
                cwd=ROOT,
                text=True,
            )

    def fork(
        self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str]
    ) -> Forked:
        """Start `python *command` (which begins with `-m`) from a copy of the nursery."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()  # there from the start, as it is of any part
        pid = self.ask({"command": list(command), "env": dict(env), "log": str(log)})
        return Forked(name, pid, log=log, nursery=self)

    def ask(self, what: dict[str, Any]) -> int:
        """One question, one number."""
        asked, answers = self._child.stdin, self._child.stdout
        assert asked is not None
        assert answers is not None
        asked.write(json.dumps(what) + "\n")
        asked.flush()
        answer = answers.readline()
        if not answer:
            raise PartError(f"the nursery is gone; the end of {self._log}:\n{tail(self._log)}")
        return int(answer)

    def stop(self) -> None:
        """End it; what it has forked dies with it."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.kill()
        self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Forked(Part):
    """A part that a nursery has started; in all else it is like any other."""

    def __init__(self, name: str, pid: int, *, log: Path, nursery: Nursery) -> None:
        self.name, self.log = name, log
        self._pid, self._nursery = pid, nursery
        self._code: int | None = None

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def running(self) -> bool:
        return self.exit_code is None

    @property
    def exit_code(self) -> int | None:
        if self._code is None:
            code = self._nursery.ask({"code_of": self._pid})
            self._code = None if code == RUNS else code
        return self._code

    def wait(self, *, deadline_s: float) -> int:
        wait_until(lambda: not self.running, what=f"the end of {self.name}", deadline_s=deadline_s)
        return self.exit_code or 0

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait(deadline_s=GRACE_S)

    def stop(self, *, grace_s: float = GRACE_S) -> int:
        if self.running:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)
            end = time.monotonic() + grace_s
            while self.running and time.monotonic() < end:
                time.sleep(0.02)
        self.kill()
        return self.exit_code or 0


def main() -> None:
    """Import all that is slow, then fork on demand."""
    _import()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what children print goes where their logs go, never among the answers
    children = Children()
    for line in sys.stdin:
        asked = json.loads(line)
        children.reap()
        if "code_of" in asked:
            answers.write(f"{children.code_of(asked['code_of'])}\n")
            continue
        pid = os.fork()
        if pid == 0:
            answers.close()
            _become(asked)
        children.born(pid)
        answers.write(f"{pid}\n")


def _import() -> None:
    trees = [importlib.import_module(tree) for tree in TREES]
    commands = frozenset[str]().union(*(modules(tree.TOLD.values()) for tree in trees))
    for module in (*SLOW, *sorted(commands)):
        importlib.import_module(module)
    others = set(_threads()) - {"jemalloc_bg_thd"}  # which jemalloc starts anew in a copy
    assert len(others) <= 1, f"a copy would lack threads: {others}"


def _threads() -> Iterator[str]:
    """Names of this process's threads, where the system tells them."""
    for task in Path("/proc/self/task").glob("*/comm"):
        yield task.read_text().strip()


class Children:
    """How those that were forked have ended."""

    def __init__(self) -> None:
        self._codes: dict[int, int] = {}

    def born(self, pid: int) -> None:
        """The system gives numbers again: how a former child of this one ended is forgotten."""
        self._codes.pop(pid, None)

    def ended(self, pid: int, code: int) -> None:
        """One has ended so."""
        self._codes[pid] = code

    def code_of(self, pid: int) -> int:
        """Its exit code, or that it runs."""
        return self._codes.get(pid, RUNS)

    def reap(self) -> None:
        """See who has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.ended(pid, os.waitstatus_to_exitcode(status))


def _become(asked: dict[str, Any]) -> NoReturn:
    """Be the program, as if it had been started by itself."""
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(here, there)
    os.environ.update(asked["env"])
    _, module, *arguments = asked["command"]
    sys.argv = [module, *arguments]
    os._exit(_code(lambda: runpy.run_module(module, run_name="__main__", alter_sys=True)))


def _code(program: Callable[[], object]) -> int:
    try:
        program()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - whatever it is, it is this program's end
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
