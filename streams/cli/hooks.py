"""`davy hooks`: who is told, and does it arrive?"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated

import typer

from streams.cli import show
from streams.cli.codes import Code
from streams.cli.common import Config, JsonLines, settings_of
from streams.cli.waiting import measured
from streams.errors import HookError, SettingsError
from streams.notify.hooks import open_hook, usual
from streams.notify.sample import SAMPLE
from streams.notify.sender import tell
from streams.notify_settings import HookSettings
from streams.yaml_lines import did_you_mean

ACTS: Mapping[str, str] = {
    "trigger": "posts a promotion of `davy-test`, version 2 in place of 1: what listens there "
    "starts as after a real one",
    "mlflow": "asks for version 2 of a model `davy-test` and writes tags on it; that there is no "
    "such model shows that the registry can be reached",
    "wandb": "writes a run of the rollout `davy-test`",
    "clearml": "writes a task of the rollout `davy-test`",
}
"""Kinds of hooks that do something about a promotion, and what."""
Yes = Annotated[bool, typer.Option("--yes", help="Also hooks that act on it, unasked.")]
app = typer.Typer(no_args_is_help=True, help="Hooks: who is told of rollouts.")


@app.callback()
def _group() -> None:
    """Hooks: who is told of rollouts."""


@app.command("list")
def list_hooks(
    config: Config = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """List the hooks of the settings, and what each is told.

    Example: davy hooks list --config davy.yaml
    """
    hooks = settings_of(config, None, None).notify.hooks
    if as_json:
        show.records(_record(name, each) for name, each in hooks.items())
        return
    rows = [(name, each.kind, str(each.least), _told(each)) for name, each in hooks.items()]
    show.table(("hook", "kind", "least", "told of"), rows)


@app.command("test")
def try_hooks(
    name: Annotated[str | None, typer.Argument(help="Of one hook; all if left out.")] = None,
    config: Config = None,
    yes: Yes = False,  # noqa: FBT002 - a flag
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell hooks of a promotion of service `davy-test` that never was; exit code 1 if one fails.

    Some act on it: a pipeline starts, a registry is asked for version 2 of a model `davy-test`.
    That is said first, and asked at a terminal; elsewhere it needs --yes.

    Example: davy hooks test ops --config davy.yaml
    """
    hooks = settings_of(config, None, None).notify.hooks
    if name is not None and name not in hooks:
        raise SettingsError(f"there is no hook `{name}`; {did_you_mean(name, hooks)}")
    chosen = hooks if name is None else {name: hooks[name]}
    _agree(chosen, yes=yes)
    with measured("telling hooks") as step:
        results = list(_results(chosen, step))
    if as_json:
        show.records({"hook": each, "problem": problem or None} for each, problem in results)
    else:
        show.table(("hook", ""), [(each, problem or "told") for each, problem in results])
    if any(problem for _, problem in results):
        raise typer.Exit(Code.NO)


def _agree(hooks: Mapping[str, HookSettings], *, yes: bool) -> None:
    """Say what hooks will do because of a notice that is not true; SettingsError if unwanted."""
    acting = {name: ACTS[each.kind] for name, each in hooks.items() if each.kind in ACTS}
    for name, deed in acting.items():
        typer.echo(f"{name}: {deed}", err=True)
    if not acting or yes:
        return
    if not sys.stdin.isatty():
        raise SettingsError(
            f"hooks {', '.join(acting)} act on what they are told: say --yes, or name another hook"
        )
    typer.confirm("Tell them all the same?", abort=True, err=True)


def _results(
    hooks: Mapping[str, HookSettings], step: Callable[[int, int], None]
) -> Iterator[tuple[str, str]]:
    for done, (name, options) in enumerate(hooks.items(), start=1):
        yield name, _tried(name, options)
        step(done, len(hooks))


def _tried(name: str, options: HookSettings) -> str:
    """What went wrong; empty if nothing did."""
    hook = open_hook(name, options)
    now_ms = time.time_ns() // 1_000_000
    try:
        tell(hook, replace(SAMPLE, at_ms=now_ms, key=f"davy-test-{now_ms}"))
    except HookError as error:
        return str(error)
    finally:
        hook.close()
    return ""


def _record(name: str, options: HookSettings) -> dict[str, object]:
    told_of = sorted(options.transitions or usual(options))
    return {"hook": name, "kind": options.kind, "least": options.least, "told_of": told_of}


def _told(options: HookSettings) -> str:
    return ", ".join(sorted(options.transitions or usual(options)))
