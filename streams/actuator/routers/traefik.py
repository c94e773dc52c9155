"""How is traffic moved at a Traefik that watches a file? The weights of one weighted service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.traefik_api import TraefikApi
from streams.actuator.routers.traefik_file import TraefikFile, Weighted
from streams.actuator.routers.watched_file import SilentReader, WatchedFileRouter
from streams.spec.model import FULL_BP

OPTIONS = ("file", "service", "services", "api")
API = "http://127.0.0.1:8080"
CAN = Capabilities(largest_weight=FULL_BP, fence=FenceKind.NATIVE, survives_restart=True)


@declared(
    About(
        target="Traefik: weighted service in a watched file",
        can=CAN,
        counterpart="Traefik 3.7",
        checks=(Check.CONTRACT, Check.ANSWERS),
    )
)
def open_traefik(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - a weighted service tells no requests apart
) -> WatchedFileRouter:
    """The router for these options.

    `file`: the watched file (YAML); `service`: the weighted service in it; `services`: arm -> name
    in its list; `api`: address of Traefik's API, may be left out.
    """
    read.check_names(options, known=OPTIONS, router="traefik")
    path = Path(read.text(options, "file", router="traefik", example="/etc/traefik/digits.yaml"))
    if path.suffix not in {".yaml", ".yml"}:
        raise read.OptionError(
            f"target.options.file: {path}: davy writes YAML — let Traefik watch a .yaml file",
            option="file",
        )
    split = Weighted(
        file=str(path),
        service=read.text(options, "service", router="traefik", example="digits"),
        services=read.per_arm(options, "services", arms, router="traefik"),
    )
    api = read.optional_url(options, "api", router="traefik", example=API)
    reader = SilentReader() if api is None else TraefikApi(api, split)
    return WatchedFileRouter(path, arms, lambda text: TraefikFile.parse(text, split), reader, CAN)
