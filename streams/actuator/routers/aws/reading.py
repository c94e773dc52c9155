"""What may stand under `target.options` for AWS? Beside what every router reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streams.actuator.ports import Capabilities, FenceKind
from streams.actuator.routers import options as read
from streams.actuator.routers.aws.fences import Fences, FileFences, TagFences
from streams.actuator.routers.aws.split import Split
from streams.actuator.routers.declared import About, Check

ARN = re.compile(r"arn:[a-z0-9-]+:([a-z0-9-]+):([a-z0-9-]+):\d{12}:(.+)")
BY_FILE = "with fence_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arn:
    """An Amazon Resource Name, as far as it is looked at."""

    text: str
    region: str
    parts: tuple[str, ...]
    """What the groups of the resource's pattern matched."""


def one_arn(
    options: Mapping[str, Any],
    examples: Mapping[str, str],
    *,
    router: str,
    service: str,
    resources: Mapping[str, re.Pattern[str]],
) -> tuple[str, Arn]:
    """The one of these options that is there, and the ARN in it; `resources`: what it must name.

    Raises:
        OptionError: none or several of them are there, or it is no such ARN.
    """
    option, text = _one_of(options, examples, router=router)
    found = ARN.fullmatch(text)
    named = resources[option].fullmatch(found[3]) if found else None
    if found is None or named is None or found[1] != service:
        raise read.OptionError(
            f"target.options.{option}: {router} needs the ARN of a {option} of {service}; "
            f"got {text} — write e.g. `{option}: {examples[option]}`",
            option=option,
        )
    return option, Arn(text=text, region=found[2], parts=named.groups())


def _one_of(
    options: Mapping[str, Any], examples: Mapping[str, str], *, router: str
) -> tuple[str, str]:
    there = [name for name in examples if options.get(name) is not None]
    if len(there) != 1:
        wanted = " or ".join(f"`{name}: {example}`" for name, example in examples.items())
        got = " and ".join(there) or "neither"
        raise read.OptionError(
            f"target.options: {router} needs one of {', '.join(examples)}; got {got} — "
            f"write {wanted}",
            option=there[-1] if there else "",
        )
    (name,) = there
    return name, read.text(options, name, router=router, example=examples[name])


def fences(options: Mapping[str, Any], split: Split, *, router: str) -> Fences:
    """A tag on the resource, or the file that `fence_file` names."""
    example = f"/var/lib/davy/{router}-fence.json"
    path = read.optional_text(options, "fence_file", router=router, example=example)
    return TagFences(split) if path is None else FileFences(Path(path))


def kept_in(can: Capabilities, kind: FenceKind) -> Capabilities:
    """What a router can whose fence is kept there."""
    return replace(can, fence=kind)


def abouts(target: str, can: Capabilities, counterpart: str) -> tuple[About, About]:
    """What is told of a router: with the fence in a tag, and in a file."""
    told = About(target=target, can=can, counterpart=counterpart, checks=(Check.CONTRACT,))
    by_file = kept_in(can, FenceKind.HOST_ONLY)
    return told, replace(told, can=by_file, variant=BY_FILE)
