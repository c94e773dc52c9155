"""`davy resources`: what pods use, from Prometheus endpoints to Kafka."""

from __future__ import annotations

import asyncio
import re
import signal
from typing import Annotated

import typer

from streams.cli.common import (
    Bootstrap,
    Config,
    Level,
    Prefix,
    log_to_stderr,
    service_settings_of,
)
from streams.errors import SettingsError
from streams.exporter.export import Plan, targets_of
from streams.exporter.export import export as run_export
from streams.exporter.scrape import Target
from streams.exporter.shares import Whose
from streams.settings import Settings
from streams.spec import units

resources = typer.Typer(no_args_is_help=True, help="What pods use: cpu, memory, gpu.")
BYTES = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
SHORTEST_S, LONGEST_S = 1.0, 60.0
ANSWER_S = 10.0
"""How long one endpoint may take at most."""


Scrape = Annotated[
    list[str], typer.Option(help="Page of metrics: URL, or VERSION=URL. May be repeated.")
]
Service = Annotated[str, typer.Option(help="The inference service, as rollouts name it.")]
Pods = Annotated[
    list[str] | None,
    typer.Option(
        help="PATTERN=VERSION: model version of pods by name, e.g. 'digits-v2-*=v2'; "
        "'prod/digits-v2-*=v2' names the namespace too."
    ),
]
Every = Annotated[str, typer.Option(help="How often: 1s to 1m.")]
CpuLimit = Annotated[
    float | None, typer.Option(help="Cores of a pod where its page tells no limit.")
]
MemoryLimit = Annotated[
    str | None, typer.Option(help="Memory of a pod where its page tells no limit: 2Gi.")
]


@resources.callback()
def _group() -> None:
    """What pods use: cpu, memory, gpu."""


@resources.command()
def export(
    scrape: Scrape,
    service: Service,
    pods: Pods = None,
    every: Every = "15s",
    *,
    cpu_limit: CpuLimit = None,
    memory_limit: MemoryLimit = None,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
) -> None:
    """Scrape Prometheus endpoints into `resources`; ends on SIGTERM and Ctrl-C.

    Example: davy resources export --service digits --scrape v1=http://pod:9090/metrics
    """
    if not service:
        raise SettingsError("--service: it is empty; write the service that rollouts name")
    every_s = _every(every)
    whose = Whose(
        service=service,
        patterns=tuple(_pattern(text) for text in pods or ()),
        cpu_limit=_positive("--cpu-limit", cpu_limit),
        memory_limit=_bytes(memory_limit),
    )
    targets = targets_of(scrape)
    for target in targets:
        _check(target, whose)
    log_to_stderr(log_level)
    settings = service_settings_of(config, bootstrap, prefix)
    timeout_s = min(ANSWER_S, every_s, settings.hang_s / 4)  # a slow endpoint is no hang
    plan = Plan(targets=targets, whose=whose, every_s=every_s, timeout_s=timeout_s)
    asyncio.run(_run(settings, plan))


async def _run(settings: Settings, plan: Plan) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run_export(settings, plan, stop.wait)


def _check(target: Target, whose: Whose) -> None:
    if not target.url.startswith(("http://", "https://")):
        raise SettingsError(f"--scrape: `{target.url}` is no URL; write http://host:port/path")
    if not (whose.patterns or target.version):
        raise SettingsError(
            f"--scrape {target.url}: nobody says which version its pods serve; write "
            "VERSION=URL, or --pods 'PATTERN=VERSION'"
        )


def _every(text: str) -> float:
    try:
        found = units.duration(text)
    except units.UnitError as problem:
        raise SettingsError(f"--every: {problem}") from problem
    if not SHORTEST_S <= found <= LONGEST_S:
        raise SettingsError(f"--every: {text} is outside 1s to 1m; write e.g. 15s")
    return found


def _pattern(text: str) -> tuple[str, str]:
    pattern, _, version = text.rpartition("=")
    if not (pattern and version):
        raise SettingsError(f"--pods: `{text}` is no PATTERN=VERSION; write e.g. 'digits-v2-*=v2'")
    return pattern, version


def _positive(name: str, value: float | None) -> float | None:
    if value is not None and not value > 0:
        raise SettingsError(f"{name}: {value} is not above 0")
    return value


def _bytes(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.match(r"^(\d+(?:\.\d+)?)(|Ki|Mi|Gi|Ti)$", text)
    if found is None or not float(found[1]) > 0:
        raise SettingsError(f"--memory-limit: `{text}` is no size; write e.g. 512Mi or 2Gi")
    return float(found[1]) * BYTES[found[2]]
