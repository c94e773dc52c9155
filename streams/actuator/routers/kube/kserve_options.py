"""What may stand under `target.options` of router `kserve`? By its mode.

    {mode: serverless, name: digits}
    {mode: standard, name: digits, canaries: {candidate: digits-v2}}
    {mode: llm, members: {baseline: chat-v1, candidate: chat-v2}}

and in each: `namespace` (default `default`), `kubeconfig`, `context`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.actuator.routers import options as read
from streams.actuator.routers.kube.access import OPTIONS as ACCESS
from streams.actuator.routers.kube.access import Access, read_access
from streams.actuator.routers.kube.kserve_form import Form
from streams.actuator.routers.kube.kserve_llm import Llm
from streams.actuator.routers.kube.kserve_serverless import Serverless
from streams.actuator.routers.kube.kserve_standard import Standard
from streams.spec.model import BASELINE
from streams.yaml_lines import did_you_mean

ROUTER = "kserve"
COMMON = ("mode", "namespace", *ACCESS)
MODES = {
    "serverless": ("name",),
    "standard": ("name", "canaries"),
    "llm": ("members",),
}
"""Mode -> its own options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What the options come to."""

    access: Access
    namespace: str
    form: Form


def read_options(options: Mapping[str, Any], arms: Sequence[str]) -> Chosen:
    """Read them; OptionError where they make no sense."""
    mode = read.text(options, "mode", router=ROUTER, example="standard")
    if mode not in MODES:
        raise read.OptionError(
            f"target.options.mode: {ROUTER} knows no mode {mode} — {did_you_mean(mode, MODES)}",
            option="mode",
        )
    _check_names(options, mode)
    namespace = read.optional_text(options, "namespace", router=ROUTER, example="models")
    return Chosen(
        access=read_access(options, ROUTER),
        namespace=namespace or "default",
        form=_form(mode, options, arms),
    )


def _check_names(options: Mapping[str, Any], mode: str) -> None:
    """OptionError on an option of another mode, or of none."""
    for other, names in MODES.items():
        if strangers := [name for name in names if name in options and name not in MODES[mode]]:
            raise read.OptionError(
                f"target.options.{strangers[0]}: is for mode {other}, not for {mode}; with "
                f"`mode: {mode}` write {', '.join(MODES[mode])}",
                option=strangers[0],
            )
    read.check_names(options, known=(*COMMON, *MODES[mode]), router=ROUTER)


def _form(mode: str, options: Mapping[str, Any], arms: Sequence[str]) -> Form:
    if mode == "llm":
        return Llm(members=read.per_arm(options, "members", arms, router=ROUTER))
    name = read.text(options, "name", router=ROUTER, example="digits")
    candidates = [arm for arm in arms if arm != BASELINE]
    if mode == "standard":
        canaries = read.per_arm(options, "canaries", candidates, router=ROUTER)
        return Standard(name=name, canaries=canaries)
    if len(candidates) > 1:
        raise read.OptionError(
            f"target.options.mode: serverless has room for one candidate, the spec has "
            f"{', '.join(candidates)} — take `mode: standard`, or one candidate at a time",
            option="mode",
        )
    return Serverless(name=name, candidate=candidates[0])
