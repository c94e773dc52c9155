"""How is a command known before its code is? By name and one line of help; it is imported on use.

`davy --help` and completion import none of the commands that they tell of, and a command imports
none of the others: each has a tree of libraries behind it.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A command as it is told of."""

    place: str
    """Its function, or the Typer app of a group: `streams.cli.plan:plan`."""
    says: str
    """The first paragraph of its help."""

    def load(self, name: str) -> Any:
        """Import it; the command of Typer's, called so."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(module), attribute)
        holder = typer.Typer(add_completion=False)
        if not isinstance(found, typer.Typer):
            holder.command(name)(found)
            return get_command(holder)
        holder.add_typer(found, name=name)
        made: Any = get_command(holder)
        return made.commands[name]


class Later(TyperCommand):
    """Stands for a command until somebody runs it, or asks for its own help."""

    def __init__(self, name: str, known: Commands) -> None:
        super().__init__(name, help=known.told[name].says)
        self._known = known

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """The context of the command itself."""
        return self._known[str(self.name)].make_context(info_name, args, parent, **extra)


class Commands(UserDict[str, Any]):
    """Commands by name. One that is looked at is loaded, those that are passed by are not."""

    def __init__(self, told: Mapping[str, Told], others: Mapping[str, Any]) -> None:
        super().__init__({**told, **others})
        self.told = told

    def __getitem__(self, name: str) -> Any:
        found = self.data[name]
        if isinstance(found, Told):
            found = self.data[name] = found.load(name)
        return found


class LazyGroup(TyperGroup):
    """A group of commands that are told in `told`; those that Typer was given stand behind them."""

    told: ClassVar[Mapping[str, Told]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._known = Commands(self.told, self.commands)
        self.commands = self._known
        self._later = {name: Later(name, self._known) for name in self.told}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What stands for it where it is told, so that a list of commands loads nothing."""
        return self._later.get(cmd_name) or super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Their names, in the order in which they are told."""
        return list(self._known)


def modules(told: Iterable[Told]) -> frozenset[str]:
    """What is imported when these are used: for who wants all of it at once."""
    return frozenset(each.place.partition(":")[0] for each in told)
