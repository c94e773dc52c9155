"""How is traffic moved where the service itself asks a feature flag? One fractional rule in a file.

flagd and the file resolvers of OpenFeature watch the file by themselves, and nobody can ask them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind, Sticky
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.flag_file import Flag, FlagFile
from streams.actuator.routers.watched_file import SilentReader, WatchedFileRouter
from streams.spec.model import FULL_BP

OPTIONS = ("file", "flag", "variants", "key")
CAN = Capabilities(
    largest_weight=FULL_BP, fence=FenceKind.NATIVE, survives_restart=True, sticky=Sticky.YES
)


@declared(
    About(
        target="flagd: fractional rule in a file of flags",
        can=CAN,
        counterpart="OpenFeature's flagd provider 0.6",
        checks=(Check.CONTRACT, Check.EVALUATIONS),
    )
)
def open_flagd(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - rules about users stand in the flag already
) -> WatchedFileRouter:
    """The router for these options.

    `file`: the flags (JSON); `flag`: its name; `variants`: arm -> variant; `key`: what a user is
    known by in the evaluation context, by default `targetingKey`.
    """
    read.check_names(options, known=OPTIONS, router="flagd")
    path = Path(read.text(options, "file", router="flagd", example="/etc/flagd/flags.json"))
    if path.suffix != ".json":
        raise read.OptionError(
            f"target.options.file: {path}: davy writes JSON — let flagd watch a .json file",
            option="file",
        )
    key = read.optional_text(options, "key", router="flagd", example="targetingKey")
    flag = Flag(
        where=str(path),
        name=read.text(options, "flag", router="flagd", example="digits"),
        variants=read.per_arm(options, "variants", arms, router="flagd"),
        key=key or "targetingKey",
    )
    return WatchedFileRouter(
        path, arms, lambda text: FlagFile.parse(text, flag), SilentReader(), CAN
    )
