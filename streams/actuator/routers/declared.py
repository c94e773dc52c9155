"""What is told of a router before any target of it is opened? Facts beside its factory.

    @declared(About(target="...", can=Capabilities(...), counterpart="...", checks=(...)))
    def open_envoy(options, arms, audience) -> EnvoyRouter: ...

`davy routers` and the table in the README of the room are made of them; a test compares them with
the suites that run. A router whose options change what it can has an `About` for each variant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities

R = TypeVar("R")


class Check(StrEnum):
    """What has been run on the real target."""

    CONTRACT = "contract"  # the suite of every router
    AUDIENCE = "audience"  # the suite of those that tell requests apart
    ANSWERS = "answers counted"  # the share of requests that each arm answered
    GATE = "gates passed"  # the suite of those that are let on step by step, and not told a share
    EVALUATIONS = "evaluations counted"  # the share of users for whom a flag says so


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a router moves, what it can, and how that was tried."""

    target: str
    """What it writes, in a few words."""
    can: Capabilities
    counterpart: str
    """On what the checks run: a real program with its version, or what else answers."""
    checks: tuple[Check, ...]
    variant: str = ""
    """The options that make it so, where they do: `mode: standard`."""


@dataclass(frozen=True, slots=True)
class Declared(Generic[R]):
    """A factory that says what it makes."""

    abouts: tuple[About, ...]
    factory: Callable[[Mapping[str, Any], Sequence[str], Audience], R]

    def __call__(self, options: Mapping[str, Any], arms: Sequence[str], audience: Audience) -> R:
        """Open a target."""
        return self.factory(options, arms, audience)


def declared(
    *abouts: About,
) -> Callable[[Callable[[Mapping[str, Any], Sequence[str], Audience], R]], Declared[R]]:
    """Put facts beside a factory: one for each variant, at least one."""

    def beside(factory: Callable[[Mapping[str, Any], Sequence[str], Audience], R]) -> Declared[R]:
        return Declared(abouts, factory)

    return beside


def abouts_of(factory: object) -> tuple[About, ...]:
    """What stands beside a factory; nothing where its author put nothing there."""
    return factory.abouts if isinstance(factory, Declared) else ()
