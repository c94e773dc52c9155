"""How does one talk to HAProxy's runtime socket? Commands are text, and so are refusals.

There is no status code: an empty reply means done, anything else is what went wrong.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from streams.errors import (
    RouterError,
    TargetDenied,
    TargetNotFound,
    TargetRejected,
    TargetTransient,
)

TIMEOUT_S = 2.0
RUNNING = 2
"""srv_op_state: 0 stopped, 1 starting, 2 running, 3 stopping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A line of `show servers state`."""

    name: str
    weight: int
    """As set, 0 .. 256."""
    admin: int
    """srv_admin_state: 0 where nobody took it out of service (maintenance, drain)."""
    state: int

    @property
    def up(self) -> bool:
        """Whether it can take traffic."""
        return self.state == RUNNING and not self.admin

    @property
    def setting(self) -> str:
        """What people set, without what health checks found."""
        return f"{self.name}={self.weight}/{self.admin}"

    @property
    def effective_weight(self) -> int:
        """The weight by which new traffic comes; health is left out, it changes by itself."""
        return 0 if self.admin else self.weight


class RuntimeSocket:
    """The UNIX socket of one HAProxy; a connection per command."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def order(self, command: str) -> None:
        """Give a command that answers nothing when it worked."""
        reply = self._say(command)
        if reply:
            raise _refusal(reply, f"{self._path}: `{command}`")

    def servers(self, backend: str) -> list[Server]:
        """The servers of a backend."""
        reply = self._say(f"show servers state {backend}")
        where = f"{self._path}: `show servers state {backend}`"
        lines = reply.splitlines()
        header = next((line for line in lines if line.startswith("# ")), None)
        if header is None:
            raise _refusal(reply or "no answer", where)
        names = header.removeprefix("# ").split()
        rows = [dict(zip(names, line.split(), strict=False)) for line in lines[2:] if line]
        try:
            return [_server(row) for row in rows]
        except (KeyError, ValueError) as error:
            raise TargetRejected(
                f"{where}: not readable ({error!r}); HAProxy 1.8 or newer is needed"
            ) from error

    def _say(self, command: str) -> str:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(TIMEOUT_S)
                line.connect(str(self._path))
                line.sendall(f"{command}\n".encode())
                parts = []
                while part := line.recv(65536):
                    parts.append(part)
        except FileNotFoundError as error:
            raise TargetNotFound(f"{self._path}: no such socket; does HAProxy run?") from error
        except PermissionError as error:
            raise TargetDenied(
                f"{self._path}: {error.strerror}; let davy use the socket"
            ) from error
        except OSError as error:
            raise TargetTransient(f"{self._path}: HAProxy does not answer: {error}") from error
        return b"".join(parts).decode(errors="replace").strip()


def _server(row: dict[str, str]) -> Server:
    return Server(
        name=row["srv_name"],
        weight=int(row["srv_uweight"]),
        admin=int(row["srv_admin_state"]),
        state=int(row["srv_op_state"]),
    )


def _refusal(reply: str, where: str) -> RouterError:
    """The error that a refusal in words comes to."""
    said = f"{where}: {reply.splitlines()[0]}"
    low = reply.lower()
    if "permission denied" in low:
        return TargetDenied(f"{said}; the socket needs `level admin`")
    if low.startswith(("no such", "can't find")):
        return TargetNotFound(f"{said}; check target.options")
    if "static lb algorithm" in low:
        return TargetRejected(f"{said} Use `balance roundrobin`, `leastconn` or `random`")
    return TargetRejected(said)
