"""What is no Kubernetes API, or does not answer like one, is told as what it is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.actuator.routers.kube import access, client
from streams.actuator.routers.kube.access import Access
from streams.actuator.routers.kube.client import Address, Kind, KubeClient
from streams.errors import TargetDenied, TargetTransient

CONFIG_MAP = Kind(group="", version="v1", name="ConfigMap", plural="configmaps")
ADDRESS = Address(kind=CONFIG_MAP, namespace="default", name="x")
KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: test
clusters: [{{name: test, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: test, user: {{token: t}}}}]
contexts: [{{name: test, context: {{cluster: test, user: test}}}}]
"""


@contextmanager
def saying(words: bytes) -> Iterator[int]:
    """A port where everybody is told these words and hung up on."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    line.recv(65536)
                    line.sendall(words)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def at(port: int, folder: Path) -> KubeClient:
    path = folder / "kubeconfig"
    path.write_text(KUBECONFIG.format(port=port))
    return KubeClient(Access(kubeconfig=str(path)))


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<p/>",
        b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\noh!",
        b"no HTTP at all\r\n\r\n",
    ],
)
def test_strange_answers(words: bytes, tmp_path: Path) -> None:
    """Cut, torn, redirected or in other words: it may be better later."""
    with saying(words) as port:
        kube = at(port, tmp_path)
        with pytest.raises(TargetTransient, match="get ConfigMap default/x"):
            kube.get(ADDRESS)
        with pytest.raises(TargetTransient, match="patch ConfigMap default/x"):
            kube.patch(ADDRESS, [])


def test_nobody_there(tmp_path: Path) -> None:
    """A refused connection may be better later."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(TargetTransient):
        at(port, tmp_path).get(ADDRESS)


def test_silence_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the call and says nothing holds nobody up for ever."""
    monkeypatch.setattr(access, "ANSWER_S", 0.2)
    monkeypatch.setattr(client, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(TargetTransient):
        at(server.getsockname()[1], tmp_path).get(ADDRESS)


@pytest.mark.parametrize("text", ["", "{}", "clusters: []", "no: [yaml", "current-context: x"])
def test_a_broken_kubeconfig_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(TargetDenied, match=r"kubeconfig .*set target.options.kubeconfig"):
        KubeClient(Access(kubeconfig=str(path))).get(ADDRESS)


def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetDenied, match="nowhere"):
        KubeClient(Access(kubeconfig=str(tmp_path / "nowhere"))).get(ADDRESS)
