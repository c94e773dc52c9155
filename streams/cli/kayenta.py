"""`davy kayenta`: what Kayenta's judge says of two sets of series."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli import show
from streams.cli.codes import Code
from streams.errors import SpecError
from streams.judge.kayenta import CanaryResult, judge_canary
from streams.judge.kayenta.config import read_config
from streams.judge.kayenta.facts import Grade

WORDS = {
    "direction": ("either", "increase", "decrease"),
    "nanStrategy": ("remove", "replace"),
    "outliers.strategy": ("keep", "remove"),
    "effectSize.measure": ("meanRatio", "cles"),
}
"""What Kayenta's judge knows by place in a metric's `canary`; the first is its default."""

app = typer.Typer(no_args_is_help=True, help="Kayenta's judge, answer for answer.")

Config = Annotated[Path, typer.Argument(help="Canary config, JSON as Kayenta's API takes it.")]
Control = Annotated[Path, typer.Option(help="JSON: metric to values; null, NaN where missing.")]
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
    """Judge two sets of series; exit code 0 unless the canary fails, then 1.

    NaN in a series counts as missing, like null. A word that Kayenta does not know is judged as
    Kayenta does, by its default, and told on stderr.

    Example: davy kayenta judge canary.json --control v1.json --experiment v2.json --json
    """
    canary = _read_object(config)
    _check_scores(canary, pass_score, marginal_score)
    for warning in unknown_words(canary):
        typer.echo(f"warning: {config}: {warning}", err=True)
    result = judge_canary(
        canary,
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
        raise typer.Exit(Code.NO)


def _check_scores(canary: dict[str, Any], passes: float | None, marginal: float | None) -> None:
    """Refuse thresholds of which the lower is to be the better; a config alone is Kayenta's own."""
    if passes is None and marginal is None:
        return
    read = read_config(canary)
    least = read.pass_score if passes is None else passes
    middle = read.marginal_score if marginal is None else marginal
    if least < middle:
        raise SpecError(
            f"--pass: a pass at {least:g} lies below a marginal at {middle:g}; raise --pass or "
            f"give --marginal {least:g} or less (what is not given is the config's)"
        )


def unknown_words(canary: Mapping[str, Any]) -> Iterator[str]:
    """Words of a canary config for which Kayenta silently takes its default."""
    metrics = canary.get("metrics")
    for place, metric in enumerate(metrics if isinstance(metrics, list) else ()):
        for path, words in WORDS.items():
            word = _at(metric, ("analysisConfigurations", "canary", *path.split(".")))
            if word is not None and word not in words:
                yield (
                    f"metrics[{place}]: {path} `{word}` is unknown and judged as `{words[0]}`, as "
                    f"Kayenta does; it knows {', '.join(words)}"
                )


def _at(part: object, path: Sequence[str]) -> object:
    for name in path:
        part = part.get(name) if isinstance(part, Mapping) else None
    return part


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
    except FileNotFoundError as problem:
        raise SpecError(f"{path}: there is no such file; check the path") from problem
    except IsADirectoryError as problem:
        raise SpecError(f"{path}: is a directory; name the JSON file in it") from problem
    except OSError as problem:
        raise SpecError(f"{path}: cannot be read: {problem.strerror}") from problem
    except ValueError as problem:
        raise SpecError(f"{path}: is not JSON: {problem}") from problem
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
