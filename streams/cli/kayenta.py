"""`davy kayenta`: what Kayenta's judge says of two sets of series."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli import show
from streams.errors import SpecError
from streams.judge.kayenta import CanaryResult, judge_canary
from streams.judge.kayenta.facts import Grade

FAILED_CANARY = 1

app = typer.Typer(no_args_is_help=True, help="Kayenta's judge, answer for answer.")

Config = Annotated[Path, typer.Argument(help="Canary config, JSON as Kayenta's API takes it.")]
Control = Annotated[Path, typer.Option(help="JSON: metric name to values, null where missing.")]
Experiment = Annotated[Path, typer.Option(help="The same for the new version.")]
PassScore = Annotated[float | None, typer.Option("--pass", help="Score of a pass; else config's.")]
MarginalScore = Annotated[float | None, typer.Option("--marginal", help="Score of a marginal.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]


@app.callback()
def kayenta() -> None:
    """Kayenta's judge, answer for answer."""


@app.command()
def judge(
    config: Config,
    control: Control,
    experiment: Experiment,
    pass_score: PassScore = None,
    marginal_score: MarginalScore = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Judge two sets of series; exit code 0 unless the canary fails, then 1."""
    result = judge_canary(
        _read_object(config),
        _read_series(control),
        _read_series(experiment),
        pass_score=pass_score,
        marginal_score=marginal_score,
    )
    if as_json:
        show.say(json.dumps(_plain(result)))
    else:
        _print(result)
    if result.grade is Grade.FAIL:
        raise typer.Exit(FAILED_CANARY)


def _print(result: CanaryResult) -> None:
    rows = [
        (metric.name, metric.label, _ratio(metric.ratio), metric.reason or "-")
        for metric in result.metrics
    ]
    show.table(("metric", "label", "mean ratio", "reason"), rows)
    show.table(("group", "score"), [(name, f"{score:g}") for name, score in result.groups.items()])
    told = f": {result.reason}" if result.reason else ""
    show.say(f"{result.grade}, score {result.score:g}{told}")


def _ratio(value: float) -> str:
    return f"{value:.3g}x" if math.isfinite(value) else "-"


def _plain(result: CanaryResult) -> dict[str, Any]:
    metrics = [
        asdict(metric) | {"ratio": metric.ratio if math.isfinite(metric.ratio) else None}
        for metric in result.metrics
    ]
    return asdict(result) | {"metrics": metrics}


def _read_object(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise SpecError(f"{path}: cannot be read as JSON: {problem}") from problem
    if not isinstance(read, dict):
        raise SpecError(f"{path}: must hold a JSON object, got {type(read).__name__}")
    return read


def _read_series(path: Path) -> dict[str, list[float | None]]:
    series = _read_object(path)
    for name, values in series.items():
        if not isinstance(values, list) or not all(map(_is_value, values)):
            raise SpecError(f"{path}: {name} must be a list of numbers, null where one is missing")
    return series


def _is_value(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
