"""How does a test break the network between two parts, and mend it again?

A `Link` stands for one or several doors of the fault proxy (`proxy.py`, a process of its own):
give its ports to the client in place of the server's.
"""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Self

from infra.rigs.proxy import Behaviour, Fault
from streams.demo.processes import HOST, Part, free_port

ROOT = Path(__file__).parents[2]
ANSWER_S = 10.0


class Network:
    """The fault proxy's process. Use as a context manager, or `stop` it."""

    def __init__(self, folder: Path) -> None:
        """Start it with its log in `folder`; PartError where it does not come up."""
        port = free_port()
        command = [sys.executable, "-m", "infra.rigs.proxy", "--port", str(port)]
        self.part = Part("network", command, log=folder / "network.log", cwd=ROOT)
        self.part.wait_for_port(port)
        self._control = socket.create_connection((HOST, port), timeout=ANSWER_S)
        self._lines = self._control.makefile("rw", encoding="utf-8")

    def link(self, *upstreams: int) -> Link:
        """Doors in front of these loopback ports, in their order."""
        return Link(self, tuple(self.ask({"upstream": port}) for port in upstreams))

    def ask(self, what: dict[str, object]) -> int:
        """Send one line to the proxy; returns once it has done so."""
        self._lines.write(json.dumps(what) + "\n")
        self._lines.flush()
        answer = self._lines.readline()
        assert answer, f"the fault proxy is gone; the end of its log:\n{self.part.tail()}"
        return int(answer)

    def stop(self) -> None:
        """End it with all its doors."""
        self._lines.close()
        self._control.close()
        self.part.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Link:
    """Doors that break together; they pass everything on at first."""

    def __init__(self, network: Network, ports: tuple[int, ...]) -> None:
        self._network = network
        self.ports = ports

    @property
    def port(self) -> int:
        """The port of a link with one door."""
        (port,) = self.ports
        return port

    def cut(self, *, pid: int | None = None) -> None:
        """Reset connections and refuse new ones; only those of process `pid` where it is given."""
        self._become(Behaviour(fault=Fault.CUT, pid=pid))

    def blackhole(self, *, pid: int | None = None) -> None:
        """Accept, keep open, pass nothing: what a half-open network does."""
        self._become(Behaviour(fault=Fault.BLACKHOLE, pid=pid))

    def delay(self, ms: float) -> None:
        """Hold everything back so long, in each direction."""
        self._become(Behaviour(delay_s=ms / 1000))

    def throttle(self, bytes_s: float) -> None:
        """Pass at most so much, in each direction of a connection."""
        self._become(Behaviour(bytes_s=bytes_s))

    def heal(self) -> None:
        """Pass everything on again; what a black hole has held comes through."""
        self._become(Behaviour())

    def one(self, number: int) -> Link:
        """The door in front of the upstream at this place alone."""
        return Link(self._network, (self.ports[number],))

    def _become(self, behaviour: Behaviour) -> None:
        for port in self.ports:
            self._network.ask({"port": port, **asdict(behaviour)})
