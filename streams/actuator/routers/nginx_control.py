"""How does nginx take a new file, and how does it tell that it has? Check, reload, ask.

`nginx -t` reads the configuration as a reload would; nothing is reloaded that it refuses. While an
old worker may still answer, nothing is proven (the master lets new ones begin first, 0.1 s).
Source: nginx, "Controlling nginx".
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from streams.actuator.ports import Fence
from streams.actuator.routers.lock import Hold
from streams.actuator.routers.watched_file import Served
from streams.errors import TargetDenied, TargetNotFound, TargetRejected, TargetTransient

WHOLE = re.compile(r"[0-9]{1,5}\Z")
COMMAND_S = 10.0
OLD_WORKERS_S = 0.3
CONNECT_S, ANSWER_S = 0.5, 2.0
UNASKED = "file read back after a reload; nginx was not asked (option `probe`)"


@dataclass(slots=True, kw_only=True)
class NginxControl:
    """See Reader: one nginx on this host."""

    program: str
    config: str
    prefix: str | None
    probe: str | None
    """A location that returns the variable of the state, asked on a connection of its own."""
    arms: Sequence[str]
    reloaded_at: float = field(default=float("-inf"))

    def check(self) -> None:
        """See Reader."""
        self._run("-t", "-q")

    def take(self, hold: Hold) -> None:
        """See Reader."""
        hold.check()  # whoever hung in the check reloads nothing
        self._run("-s", "reload")
        self.reloaded_at = time.monotonic()

    def served(self) -> Served:
        """See Reader."""
        settled = time.monotonic() - self.reloaded_at > OLD_WORKERS_S
        if not settled:
            return Served(note="old workers may still answer")
        if self.probe is None:
            return Served(asked=False, note=UNASKED)
        text = self._asked(self.probe)
        return Served(weights=_weights(text, self.arms, self.probe), note=f"{self.probe}: {text}")

    def _run(self, *arguments: str) -> None:
        where = [self.program, "-c", self.config]
        command = [*where, *(("-p", self.prefix) if self.prefix else ()), *arguments]
        told = " ".join(command)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=COMMAND_S, check=False
            )
        except FileNotFoundError as error:
            raise TargetNotFound(
                f"{self.program}: no such program; name it as target.options.nginx"
            ) from error
        except PermissionError as error:
            raise TargetDenied(f"{told}: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise TargetTransient(f"`{told}` did not end within {COMMAND_S:g} s") from error
        if done.returncode:
            raise _refusal(told, done.stderr)

    def _asked(self, probe: str) -> str:
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        try:
            answer = httpx.get(probe, timeout=timeout, trust_env=False)
        except httpx.HTTPError as error:
            raise TargetTransient(f"{probe}: no answer ({error!r}); does nginx run?") from error
        if answer.status_code in {401, 403}:
            raise TargetDenied(f"{probe}: {answer.status_code}; allow davy there")
        if answer.status_code != httpx.codes.OK:
            raise TargetTransient(f"{probe}: {answer.status_code}; is this the location?")
        return answer.text.strip()


def _refusal(told: str, said: str) -> Exception:
    """What nginx's words come to; its first complaint says where."""
    lines = said.strip().splitlines() or ["no reason given"]
    worst = next((line for line in lines if "[emerg]" in line), lines[-1])
    if "ermission denied" in worst or "Operation not permitted" in worst:
        return TargetDenied(f"`{told}`: {worst}; run davy as the user of nginx's master")
    if "nginx.pid" in worst or "invalid PID" in worst:
        return TargetTransient(f"`{told}`: {worst}; does nginx run?")
    return TargetRejected(f"`{told}`: {worst}")


def _weights(text: str, arms: Sequence[str], probe: str) -> Mapping[str, int] | None:
    """Arm -> basis points; None from a file that davy has not written yet."""
    if not text:
        return None
    fence, *pairs = text.split()
    shares = dict(pair.partition("=")[::2] for pair in pairs)
    if (
        Fence.parse(fence) is None
        or shares.keys() != set(arms)
        or not all(map(WHOLE.match, shares.values()))
    ):
        raise TargetTransient(f"{probe}: `{text[:100]}` is no state of davy's; is it the location?")
    return {arm: int(share) for arm, share in shares.items()}
