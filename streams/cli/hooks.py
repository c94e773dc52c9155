"""`davy hooks`: who is told, and does it arrive?"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

import typer

from streams.cli import show
from streams.cli.common import Config, settings_of
from streams.errors import HookError, SettingsError
from streams.notify.hooks import open_hook, usual
from streams.notify.sample import SAMPLE
from streams.notify.sender import tell
from streams.notify_settings import HookSettings
from streams.yaml_lines import did_you_mean

app = typer.Typer(no_args_is_help=True, help="Hooks: who is told of rollouts.")


@app.callback()
def _group() -> None:
    """Hooks: who is told of rollouts."""


@app.command("list")
def list_hooks(config: Config = None) -> None:
    """List the hooks of the settings, and what each is told."""
    hooks = settings_of(config, None, None).notify.hooks
    rows = [(name, each.kind, str(each.least), _told(each)) for name, each in hooks.items()]
    show.table(("hook", "kind", "least", "told of"), rows)


@app.command("test")
def try_hooks(
    name: Annotated[str | None, typer.Argument(help="Of one hook; all if left out.")] = None,
    config: Config = None,
) -> None:
    """Tell hooks of a promotion of service `davy-test` that never was; exit code 1 if one fails."""
    hooks = settings_of(config, None, None).notify.hooks
    if name is not None and name not in hooks:
        raise SettingsError(f"there is no hook `{name}`; {did_you_mean(name, hooks)}")
    chosen = hooks if name is None else {name: hooks[name]}
    results = [(each, _tried(each, options)) for each, options in chosen.items()]
    show.table(("hook", ""), [(each, problem or "told") for each, problem in results])
    if any(problem for _, problem in results):
        raise typer.Exit(1)


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


def _told(options: HookSettings) -> str:
    return ", ".join(sorted(options.transitions or usual(options)))
