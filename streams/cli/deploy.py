"""`davy topics` and `davy schemas`: what must be there before the first event."""

from __future__ import annotations

import typer

from streams.broker import Patience
from streams.cli import show
from streams.cli.common import Bootstrap, Config, Prefix, settings_of
from streams.topics import check_topics, create_topics, topic_plans
from streams.wire.codec import Codec
from streams.wire.store import open_store

topics = typer.Typer(no_args_is_help=True, help="Topics: create and check.")
schemas = typer.Typer(no_args_is_help=True, help="Schemas: register.")


@topics.command()
def create(config: Config = None, bootstrap: Bootstrap = None, prefix: Prefix = None) -> None:
    """Create the topics that are missing; a second run changes nothing."""
    settings = settings_of(config, bootstrap, prefix)
    created = set(create_topics(settings, Patience.for_a_command()))
    rows = [
        (plan.name, str(plan.partitions), plan.config["cleanup.policy"], _done(plan.name, created))
        for plan in topic_plans(settings)
    ]
    show.table(("topic", "partitions", "cleanup", ""), rows)


def _done(name: str, created: set[str]) -> str:
    return "created" if name in created else "was there"


@topics.command()
def check(config: Config = None, bootstrap: Bootstrap = None, prefix: Prefix = None) -> None:
    """Check that every topic is there as it must be."""
    settings = settings_of(config, bootstrap, prefix)
    check_topics(settings, Patience.for_a_command())
    show.say(f"all {len(topic_plans(settings))} topics are as they must be", style="green")


@schemas.callback()
def schemas_room() -> None:
    """Schemas of the topics."""


@schemas.command()
def register(config: Config = None, bootstrap: Bootstrap = None, prefix: Prefix = None) -> None:
    """Register every schema; without a registry the ids that davy ships are checked."""
    settings = settings_of(config, bootstrap, prefix)
    ids = Codec(open_store(settings), settings.prefix).register()
    show.table(("topic", "schema id"), [(topic, str(found)) for topic, found in ids.items()])
