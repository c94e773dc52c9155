"""`davy topics` and `davy schemas`: what must be there before the first event."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from streams.broker import Patience
from streams.cli import show
from streams.cli.codes import Code
from streams.cli.common import Bootstrap, Config, JsonLines, Prefix, settings_of
from streams.cli.ending import complain
from streams.cli.waiting import busy
from streams.topics import TopicPlan, create_topics, topic_plans, topic_problems
from streams.wire.codec import Codec
from streams.wire.evolution import Standing, standings
from streams.wire.store import open_store

topics = typer.Typer(no_args_is_help=True, help="Topics: create and check.")
schemas = typer.Typer(no_args_is_help=True, help="Schemas: register and check.")


@topics.command()
def create(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """Create the topics that are missing; a second run changes nothing.

    Example: davy topics create --bootstrap localhost:9092
    """
    settings = settings_of(config, bootstrap, prefix)
    with busy("asking the broker"):
        created = set(create_topics(settings, Patience.for_a_command()))
    if as_json:
        plans = topic_plans(settings)
        show.records(_record(plan) | {"created": plan.name in created} for plan in plans)
        return
    rows = [
        (plan.name, str(plan.partitions), plan.config["cleanup.policy"], _done(plan.name, created))
        for plan in topic_plans(settings)
    ]
    show.table(("topic", "partitions", "cleanup", ""), rows)


def _done(name: str, created: set[str]) -> str:
    return "created" if name in created else "was there"


def _record(plan: TopicPlan) -> dict[str, object]:
    cleanup = plan.config["cleanup.policy"]
    return {"topic": plan.name, "partitions": plan.partitions, "cleanup": cleanup}


@topics.command()
def check(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """Check that every topic is there as it must be; exit code 1 if one is not.

    Example: davy topics check
    """
    settings = settings_of(config, bootstrap, prefix)
    plans = topic_plans(settings)
    with busy("asking the broker"):
        problems = topic_problems(settings, Patience.for_a_command())
    if as_json:
        show.records(_record(plan) | {"problems": problems.get(plan.name, [])} for plan in plans)
    for problem in chain(*problems.values()):
        complain(problem)
    if problems:
        raise typer.Exit(Code.NO)
    if not as_json:
        show.say(f"all {len(plans)} topics are as they must be", style="green")


@schemas.callback()
def schemas_room() -> None:
    """Schemas of the topics."""


@schemas.command()
def register(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """Register every schema; without a registry the ids that davy ships are checked.

    Example: davy schemas register --config davy.yaml
    """
    settings = settings_of(config, bootstrap, prefix)
    with busy("asking the registry"):
        ids = Codec(open_store(settings), settings.prefix).register()
    if as_json:
        show.records({"topic": topic, "schema_id": found} for topic, found in ids.items())
        return
    show.table(("topic", "schema id"), [(topic, str(found)) for topic, found in ids.items()])


@schemas.command("check")
def check_schemas(
    folder: Annotated[
        Path | None, typer.Option(help="Other .avsc files than davy's own, a checkout's say.")
    ] = None,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """Ask whether every schema may be registered; writes nothing, exit code 1 if one may not.

    Example: davy schemas check --folder schemas
    """
    settings = settings_of(config, bootstrap, prefix)
    with busy("asking the registry"):
        found = standings(open_store(settings), settings.prefix, folder)
    if as_json:
        show.records(map(asdict, found))
    else:
        headers = ("topic", "compatibility", "versions", "")
        rows = [(s.topic, s.compatibility, str(s.versions), _standing(s)) for s in found]
        show.table(headers, rows)
    if any(standing.refusal for standing in found):
        raise typer.Exit(Code.NO)


def _standing(standing: Standing) -> str:
    told = [] if standing.level is None else [f"the registry says {standing.level}"]
    if standing.refusal:
        told.append(f"REFUSED: {standing.refusal}; give new fields a default, keep the others")
    elif standing.schema_id is None:
        told.append("new: may be registered (davy schemas register)")
    else:
        told.append(f"registered as {standing.schema_id}")
    return "; ".join(told)
