"""How does a network fail between two programs of this machine? A TCP proxy that can break.

One process holds many doors: loopback ports, each in front of another. `links.py` opens them and
says how each behaves; this end listens on `--port` for one JSON object a line.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from streams.demo.processes import HOST, free_port

CHUNK = 1 << 16
UNDER_WAY = 16
"""Chunks of one direction that are inside of a door at once."""
REFUSE_S = 0.5
"""After which one process's connection is reset: those that come again at once, hundreds a second,
would leave no time for everybody else's."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset."""


class Fault(StrEnum):
    """What a door does with connections."""

    NONE = "none"
    CUT = "cut"
    BLACKHOLE = "blackhole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a door treats what comes."""

    fault: Fault = Fault.NONE
    delay_s: float = 0.0
    bytes_s: float = 0.0
    """Of each direction of a connection; 0 is no limit."""
    pid: int | None = None
    """The fault is for connections of this process alone."""


@dataclass(slots=True, eq=False)
class Connection:
    """A client's connection and, once there is one, its other half."""

    port: int
    """The client's."""
    hit: bool
    """Whether the door's fault is for this one."""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def close(self) -> None:
        """End both halves as their programs did: what was written arrives."""
        for writer in self.writers:
            writer.close()
        self.writers.clear()

    def reset(self) -> None:
        """End both halves as a broken network does."""
        for writer in self.writers:
            made: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # closed already
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()


class Door:
    """One port in front of another."""

    def __init__(self, upstream: int) -> None:
        self.port = free_port()
        self._upstream = upstream
        self._behaviour = Behaviour()
        self._changed = asyncio.Condition()
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def become(self, behaviour: Behaviour) -> None:
        """Behave so from now on."""
        self._behaviour = behaviour
        hit = self._hit()
        for connection in self._connections:
            connection.hit = hit is None or connection.port in hit
        cut = behaviour.fault is Fault.CUT
        if cut and behaviour.pid is None:
            self._refuse()
        else:
            await self.listen()
        for connection in [c for c in self._connections if cut and c.hit]:
            connection.reset()
        async with self._changed:
            self._changed.notify_all()

    async def listen(self) -> None:
        """Accept connections, if it does not yet."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, HOST, self.port, limit=CHUNK)

    def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _hit(self) -> frozenset[int] | None:
        """Ports of the clients whom the fault is for; None: all."""
        pid = self._behaviour.pid
        return None if pid is None else peers_of(pid, self.port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port: int = writer.get_extra_info("peername")[1]
        hit = self._hit()
        connection = Connection(port, hit is None or port in hit, [writer])
        self._connections.add(connection)
        try:
            if connection.hit and self._behaviour.fault is Fault.CUT:
                await asyncio.sleep(REFUSE_S)
            else:
                await self._join(connection, reader, writer)
                connection.close()
        except* OSError:
            pass  # one end is gone: so is the other, below
        finally:
            self._connections.discard(connection)
            connection.reset()

    async def _join(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pass on both directions until both have ended."""
        await self._may_pass(connection)
        far_reader, far_writer = await asyncio.open_connection(HOST, self._upstream, limit=CHUNK)
        connection.writers.append(far_writer)
        async with asyncio.TaskGroup() as pumps:
            pumps.create_task(self._pump(connection, reader, far_writer))
            pumps.create_task(self._pump(connection, far_reader, writer))

    async def _may_pass(self, connection: Connection) -> None:
        """Wait for as long as the door is a black hole for this connection."""
        if self._is_lost(connection):
            async with self._changed:
                await self._changed.wait_for(lambda: not self._is_lost(connection))

    def _is_lost(self, connection: Connection) -> bool:
        return connection.hit and self._behaviour.fault is Fault.BLACKHOLE

    async def _pump(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pass one direction on until its end."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take(reader, under_way))
            both.create_task(self._give(connection, under_way, writer))

    async def _take(
        self, reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        loop = asyncio.get_running_loop()
        data = b"begins"
        while data:
            data = await reader.read(CHUNK)
            await under_way.put((loop.time() + self._behaviour.delay_s, data))

    async def _give(
        self,
        connection: Connection,
        under_way: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - loop.time())
            await self._may_pass(connection)
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()
            if self._behaviour.bytes_s:
                await asyncio.sleep(len(data) / self._behaviour.bytes_s)


def peers_of(pid: int, to: int) -> frozenset[int]:
    """Ports from which a process of this machine is connected to the loopback port `to`."""
    held: set[str] = set()
    with contextlib.suppress(FileNotFoundError):  # the process has ended
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                held.add(str(handle.readlink()))
    return frozenset(port for port, inode in _connected(to) if f"socket:[{inode}]" in held)


def _connected(to: int) -> Iterator[tuple[int, str]]:
    """Client's port and number of every TCP socket that is connected to `to`, by Linux's tables."""
    end = f":{to:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if words[2].endswith(end):
                    yield int(words[1].rpartition(":")[2], 16), words[9]


class Doors:
    """All doors of this process, as the control connection sees them."""

    def __init__(self) -> None:
        self._doors: dict[int, Door] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one control connection until it ends."""
        while line := await reader.readline():
            asked = json.loads(line)
            answer = await (self._open(asked) if "upstream" in asked else self._set(asked))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _open(self, asked: dict[str, int]) -> int:
        door = Door(asked["upstream"])
        await door.listen()
        self._doors[door.port] = door
        return door.port

    async def _set(self, asked: dict[str, object]) -> int:
        port = asked.pop("port")
        assert isinstance(port, int), f"a port is a number: {port!r}"
        behaviour = Behaviour(**{**asked, "fault": Fault(str(asked["fault"]))})  # type: ignore[arg-type]
        await self._doors[port].become(behaviour)
        return port


async def serve(port: int) -> None:
    """Hold doors until the process ends."""
    server = await asyncio.start_server(Doors().serve, HOST, port)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Become the proxy."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--port", type=int, required=True, help="on loopback, for control")
    asyncio.run(serve(asked.parse_args().port))


if __name__ == "__main__":
    main()
