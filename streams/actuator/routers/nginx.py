"""How is traffic moved at an nginx? A file of shares (`split_clients`), a check and a reload.

The file is davy's own and is included in the `http` block; all else is the user's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind, Sticky
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.nginx_control import NginxControl
from streams.actuator.routers.nginx_file import NginxFile, Split
from streams.actuator.routers.watched_file import WatchedFileRouter
from streams.spec.model import FULL_BP

OPTIONS = ("include", "variable", "key", "upstreams", "config", "nginx", "prefix", "probe")
VARIABLE = re.compile(r"^\$[a-z_][a-z0-9_]*$")
KEY = re.compile(r"^(?=.*\$)[\w${}:.-]+$")
PROBE = "http://127.0.0.1:8080/davy"
CAN = Capabilities(
    largest_weight=FULL_BP,
    fence=FenceKind.NATIVE,
    survives_restart=True,
    sticky=Sticky.YES,
    dry_run=True,
)


@declared(
    About(
        target="nginx: split_clients in an included file",
        can=CAN,
        counterpart="nginx 1.31",
        checks=(Check.CONTRACT, Check.ANSWERS),
    )
)
def open_nginx(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - split_clients tells no requests apart
) -> WatchedFileRouter:
    """The router for these options.

    `include`: davy's file; `variable`: what it sets; `key`: what a user is known by; `upstreams`:
    arm -> value of the variable; `config`: nginx's main file; `nginx`: its program; `prefix`: its
    `-p`; `probe`: URL of a location that returns VARIABLE_state.
    """
    read.check_names(options, known=OPTIONS, router="nginx")
    path = Path(
        read.text(options, "include", router="nginx", example="/etc/nginx/davy/digits.conf")
    )
    split = Split(
        where=str(path),
        variable=_formed(options, "variable", VARIABLE, "$davy_digits"),
        key=_formed(options, "key", KEY, "$http_x_user_id"),
        upstreams=read.per_arm(options, "upstreams", arms, router="nginx"),
    )
    config = read.optional_text(options, "config", router="nginx", example="/etc/nginx/nginx.conf")
    control = NginxControl(
        program=read.optional_text(options, "nginx", router="nginx", example="nginx") or "nginx",
        config=config or "/etc/nginx/nginx.conf",
        prefix=read.optional_text(options, "prefix", router="nginx", example="/etc/nginx"),
        probe=read.optional_url(options, "probe", router="nginx", example=PROBE),
        arms=tuple(arms),
    )
    return WatchedFileRouter(path, arms, lambda text: NginxFile.parse(text, split), control, CAN)


def _formed(options: Mapping[str, Any], name: str, form: re.Pattern[str], example: str) -> str:
    text = read.text(options, name, router="nginx", example=example)
    if not form.match(text):
        raise read.OptionError(
            f"target.options.{name}: nginx cannot take `{text}` — write it like {example}",
            option=name,
        )
    return text
