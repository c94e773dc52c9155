"""How is traffic moved by a program of your own? It reads a question, and prints what it has.

The program is started for each question, without a shell, in a session of its own: whatever it
started in that ends with it, or when its time is up.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind, Sticky
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.remote import Json, RemoteRouter, object_of, refusal
from streams.errors import TargetDenied, TargetNotFound, TargetTransient
from streams.spec.model import FULL_BP

OPTIONS = ("command", "name", "largest_weight", "timeout_s")
LONGEST_BYTES = 1 << 20
CAN = Capabilities(
    largest_weight=FULL_BP,
    fence=FenceKind.NATIVE,
    survives_restart=True,
    sticky=Sticky.AS_SET_UP,
    settles_s=30.0,
    ask_every_s=0.2,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is started."""

    command: Sequence[str]
    timeout_s: int

    def ask(self, question: Json) -> Json:
        """Start it with the question; RouterErrors as of Router."""
        where = self.command[0]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = self._run(json.dumps(question).encode(), out, err)
            said, complaint = _text(out), _text(err).strip().splitlines()
        answer = object_of(said)
        if answer.get("error") or (answer and code == 0):
            return answer
        if code:
            words = complaint[-1] if complaint else "it said nothing on stderr"
            raise refusal(f"{where}: exit code {code}", {"message": words})
        raise TargetTransient(f"{where}: printed no JSON object: {said[:80]!r}")

    def _run(self, question: bytes, out: IO[bytes], err: IO[bytes]) -> int:
        where = self.command[0]
        try:
            child = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True
            )
        except FileNotFoundError as error:
            raise TargetNotFound(f"{where}: no such program on the actuator's host") from error
        except PermissionError as error:
            raise TargetDenied(f"{where}: {error.strerror}; let davy run it") from error
        except OSError as error:
            raise TargetNotFound(f"{where}: cannot be started: {error.strerror}") from error
        try:
            child.communicate(question, timeout=self.timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TargetTransient(f"{where}: not done within {self.timeout_s} s") from error
        finally:
            _end(child)
        return child.returncode


def _end(child: subprocess.Popen[bytes]) -> None:
    """End it, if it has not ended, and all that it left running."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone, or another user's
        os.killpg(child.pid, signal.SIGKILL)  # its number is nobody else's while one of it runs
        child.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(LONGEST_BYTES).decode(errors="replace")


@declared(
    About(
        target="exec: a program of your own",
        can=CAN,
        counterpart="a program",
        checks=(Check.CONTRACT,),
    )
)
def open_exec(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - one split is all that is asked for
) -> RemoteRouter:
    """The router for these options.

    `command`: program and arguments; `name`: which of its splits; `largest_weight`: its
    resolution, 10000 if left out; `timeout_s`: for one question, 10 if left out.
    """
    read.check_names(options, known=OPTIONS, router="exec")
    command = read.words(options, "command", router="exec", example="[/usr/local/bin/move, prod]")
    name = read.text(options, "name", router="exec", example="digits")
    largest = read.number(
        options, "largest_weight", router="exec", least=1, most=FULL_BP, default=FULL_BP
    )
    timeout_s = read.number(options, "timeout_s", router="exec", least=1, most=60, default=10)
    program = Program(command=command, timeout_s=timeout_s)
    can = replace(CAN, largest_weight=largest, settles_s=3.0 * timeout_s)
    return RemoteRouter(f"{command[0]} ({name})", name, arms, program.ask, can)
