"""A link passes bytes on, and breaks in the way it is told to."""

import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from infra.rigs.links import Network
from streams.demo.processes import HOST

CLIENT = """
import socket
client = socket.create_connection(("127.0.0.1", {port}))
client.sendall(b"other")
print(client.recv(5))
"""


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(1 << 16):
            self.request.sendall(data)


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    with socketserver.ThreadingTCPServer((HOST, 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Iterator[Network]:
    with Network(tmp_path_factory.mktemp("network")) as started:
        yield started


@pytest.fixture
def link(network, echo):
    return network.link(echo)


def connect(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=5)


def asked(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    return received(client, len(words))


def received(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (data := client.recv(1 << 16)):
        found += data
    return found


class TestLink:
    def test_passes_on_in_order(self, link):
        words = os.urandom(1 << 20)
        with connect(link.port) as client:
            sender = threading.Thread(target=client.sendall, args=(words,))
            sender.start()
            assert received(client, len(words)) == words
            sender.join()

    def test_the_end_of_one_direction_is_passed_on(self, link):
        with connect(link.port) as client:
            client.sendall(b"last words")
            client.shutdown(socket.SHUT_WR)
            assert received(client, 100) == b"last words"

    def test_a_cut_resets_and_refuses(self, link):
        with connect(link.port) as client:
            assert asked(client, b"hello") == b"hello"
            link.cut()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            with pytest.raises(ConnectionRefusedError):
                connect(link.port)
            link.heal()
            with connect(link.port) as again:
                assert asked(again, b"again") == b"again"

    def test_a_black_hole_keeps_open_and_gives_back(self, link):
        with connect(link.port) as client:
            assert asked(client, b"hello") == b"hello"
            link.blackhole()
            with connect(link.port) as late:
                for held in (client, late):
                    held.settimeout(0.2)
                    with pytest.raises(TimeoutError):
                        asked(held, b"lost?")
                link.heal()
                for held in (client, late):
                    held.settimeout(5)
                    assert received(held, 5) == b"lost?"

    def test_a_delay_is_of_each_direction(self, link):
        with connect(link.port) as client:
            assert asked(client, b"hello") == b"hello"
            link.delay(100)
            began = time.monotonic()
            assert asked(client, b"hello") == b"hello"
            assert time.monotonic() - began >= 0.2

    def test_a_throttle_is_a_rate(self, link):
        link.throttle(1 << 20)
        with connect(link.port) as client:
            began = time.monotonic()
            words = bytes(1 << 18)
            sender = threading.Thread(target=client.sendall, args=(words,))
            sender.start()
            assert received(client, len(words)) == words
            sender.join()
            # The last chunk is through before its own time has passed.
            assert time.monotonic() - began >= 0.15

    @pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's tables who a peer is")
    def test_one_process_can_be_cut_off_alone(self, link):
        with connect(link.port) as client:
            assert asked(client, b"hello") == b"hello"
            link.cut(pid=os.getpid())
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with connect(link.port) as client, pytest.raises(ConnectionResetError):
            asked(client, b"hello")
        other = [sys.executable, "-c", CLIENT.format(port=link.port)]
        assert subprocess.check_output(other, timeout=20).strip() == b"b'other'"

    def test_doors_of_a_link_break_together_or_alone(self, network, echo):
        link = network.link(echo, echo)
        link.one(1).cut()
        with connect(link.ports[0]) as client:
            assert asked(client, b"hello") == b"hello"
        with pytest.raises(ConnectionRefusedError):
            connect(link.ports[1])
        link.cut()
        with pytest.raises(ConnectionRefusedError):
            connect(link.ports[0])
