"""`davy plan`: what a rollout will be able to show, and how soon, before it begins."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer

from streams.cli import show
from streams.cli.waiting import measured
from streams.errors import SettingsError
from streams.planner.curve import text_curves
from streams.planner.facts import Harm, HarmKind, Outlook, Traffic
from streams.planner.harms import check_traffic, default_errors
from streams.planner.outlook import foresee
from streams.planner.page import page
from streams.planner.report import Block, assumed, harm_block, notes, promotion_block
from streams.spec.load import load_spec
from streams.spec.model import Mode, RolloutSpec
from streams.spec.units import UnitError, duration, margin

SEED = 1815
"""Fixed: the same question has the same answer. The year of the lamp."""
Value = TypeVar("Value")

File = Annotated[Path, typer.Argument(help="The rollout's YAML.", show_default=False)]
Rps = Annotated[float, typer.Option(help="Requests per second of the service, all versions.")]
PError = Annotated[str, typer.Option(help="Share of requests that fail today: 0.2% or 0.002.")]
Effect = Annotated[
    str | None,
    typer.Option(help="How many times as many fail with a bad candidate; 2x if left out."),
]
Slower = Annotated[str | None, typer.Option(help="A slower candidate as well: +30%.")]
Latency = Annotated[str, typer.Option(help="p50,p99 of the baseline: how wide latency spreads.")]
Classes = Annotated[int, typer.Option(help="Predicted classes.")]
Html = Annotated[Path | None, typer.Option(help="Write a page with the curves to this file.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]


def _check_live(spec: RolloutSpec, file: Path) -> None:
    if spec.mode is Mode.SHADOW:
        raise SettingsError(
            f"{file}: a shadow rollout gives no user a candidate, and pairs are not simulated — "
            "plan the rollout of mode live that comes after it"
        )


def plan(
    file: File,
    *,
    rps: Rps,
    p_error: PError = "0.2%",
    effect: Effect = None,
    slower: Slower = None,
    latency: Latency = "20ms,60ms",
    classes: Classes = 10,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Say before a rollout begins how soon it finds harm, what that costs, how long it takes.

    Example: davy plan rollout.yaml --rps 200 --p-error 0.2% --effect 2x --html plan.html
    """
    spec = load_spec(file).spec
    _check_live(spec, file)
    p50_ms, p99_ms = _read("--latency", latency, _quantiles)
    traffic = Traffic(
        rps=rps,
        p_error=_read("--p-error", p_error, _rate),
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        classes=classes,
    )
    check_traffic(traffic)
    harms = _harms(spec, traffic, effect, slower)
    with measured("simulating") as step:
        outlook = foresee(spec, traffic, harms, _rng(), stepped=step)
    if html is not None:
        _write(html, page(outlook))
    if as_json:
        show.say(json.dumps(_plain(outlook)))
    else:
        _print(outlook)
        if html is not None:
            show.say(f"\nThe curves are in {html}")


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _harms(
    spec: RolloutSpec, traffic: Traffic, effect: str | None, slower: str | None
) -> list[Harm]:
    errors = default_errors(spec, traffic)
    if effect is not None:
        factor = 1 + _read("--effect", effect, margin)
        errors = Harm(kind=HarmKind.ERRORS, factor=factor)
    harms = [] if errors is None else [errors]
    if slower is not None:
        factor = 1 + _read("--slower", slower, margin)
        harms.append(Harm(kind=HarmKind.LATENCY, factor=factor))
    if not harms:
        raise SettingsError("--slower: the spec watches no failures — say how slow, e.g. +30%")
    return harms


def _read(option: str, text: str, parse: Callable[[str], Value]) -> Value:
    try:
        return parse(text)
    except UnitError as problem:
        raise SettingsError(f"{option}: {problem}") from problem


def _rate(text: str) -> float:
    if not re.match(r"^\d*\.?\d+(?:e-?\d+)?%?$", text):
        raise UnitError(f"`{text}` is no share of requests", "write it as `0.2%` or `0.002`")
    return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def _quantiles(text: str) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:  # noqa: PLR2004 - p50 and p99
        raise UnitError(f"`{text}` is no pair of times", "write p50 and p99, e.g. `20ms,60ms`")
    p50_s, p99_s = (duration(part.strip()) for part in parts)
    return 1000 * p50_s, 1000 * p99_s


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        told = problem.strerror or problem
        raise SettingsError(f"--html {path}: cannot be written: {told}") from problem


def _print(outlook: Outlook) -> None:
    show.say(f"{outlook.rollout}: {assumed(outlook)}", style="bold")
    for harm in outlook.harms:
        _print_block(harm_block(outlook, harm))
        found = [one for one in outlook.detections if one.harm == harm]
        show.say("chance that it is found, by time since the stage began (│: the stage ends)")
        for line in text_curves(found):
            show.say(f"  {line}", style="cyan")
    _print_block(promotion_block(outlook))
    if outlook.advice:
        show.say("\nWhat to change", style="bold yellow")
    for advice in outlook.advice:
        show.say(f"! {advice.problem}")
        show.say(f"  -> {advice.change}", style="green")
    show.say("")
    for note in notes(outlook):
        show.say(note, style="dim")


def _print_block(block: Block) -> None:
    show.say(f"\n{block.heading}", style="bold")
    show.say(block.sentence)
    show.table(block.headers, block.rows)


def _plain(outlook: Outlook) -> dict[str, Any]:
    """JSON: null where something does not happen; the cases as 19 quantiles, 5 % to 95 %."""
    told: dict[str, Any] = _finite(asdict(outlook))
    for found in told["detections"]:
        cases = found.pop("found_s")
        found["quantiles_s"] = [cases[len(cases) * step // 20] for step in range(1, 20)]
    for one in told["promotion"]["shown"]:
        one["metric"] = one["metric"].name
    return told


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value
