"""Where are schemas, for scenarios that need a registry? A real one behind a link, a lane's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from infra.rigs import registry as rig
from infra.rigs.links import Link, Network

REGISTRY = "REGISTRY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A running registry: its own address, and the link by which workers and actuators come."""

    url: str
    link: Link

    @property
    def linked_url(self) -> str:
        """The same registry as seen through the link."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=f"{parts.hostname}:{self.link.port}").geturl()


@contextmanager
def running(folder: Path) -> Iterator[Registry]:
    """Start a registry and a link to it; both end with the block."""
    with Network(folder) as network:
        started = rig.start(folder / "registry")
        try:
            port = urlsplit(started.address).port or 0
            yield Registry(url=started.address, link=network.link(port))
        finally:
            started.part.stop()
