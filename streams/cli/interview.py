"""What must be asked of a person before a spec can be written? Only what no flag has said.

A router knows best what it needs: it is opened with what there is, and each refusal is a question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import typer

from streams.actuator.routers import factory_of, open_router
from streams.actuator.routers.declared import abouts_of
from streams.actuator.routers.options import OptionError
from streams.errors import DavyError, SettingsError, SpecError
from streams.spec import defaults
from streams.spec.draft import Draft
from streams.spec.model import Mode, Target
from streams.spec.stages import read_plan
from streams.spec.units import UnitError, words
from streams.yaml_lines import compose, plain

T = TypeVar("T")
ARMS = ("baseline", "candidate")
NOWHERE = "memory"
"""The router that moves nothing."""
FACTS = ("service", "baseline", "candidate")
FLAGS = (*FACTS, "router")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What flags have said; None and empty where they have not."""

    service: str | None = None
    baseline: str | None = None
    candidate: str | None = None
    router: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    staged: bool = False
    """Whether there are stages without asking: an example has some."""


def option_of(text: str) -> tuple[str, Any]:
    """`rds=/run/rds.json`, `clusters={baseline: v1, candidate: v2}`: a name, and a value in YAML.

    Raises:
        SettingsError: there is no `=`.
        SpecError: the value is no YAML.
    """
    name, mark, value = text.partition("=")
    if not (mark and name):
        raise SettingsError(
            f"--option: `{text}` is no NAME=VALUE; write e.g. --option rds=/run/envoy/routes.json"
        )
    return name, _value(name, value)


def stages_of(text: str, mode: Mode = Mode.LIVE) -> tuple[str, ...]:
    """`1% for 2h, 10% for 12h, 100%` -> each stage, as it was written.

    Stages of copies (`mode`) need not end at 100 %.

    Raises:
        SpecError: they are no stages.
    """
    listed = f"[{text}]"
    node = compose(listed, name="stages", error=SpecError)
    if node is None:
        raise SpecError("stages: there is none; write e.g. `1% for 2h, 10% for 12h, 100%`")
    read_plan(node, candidates=1, mode=mode)
    marks = ((item.start_mark.index, item.end_mark.index) for item in node.value)
    return tuple(listed[begin:end].strip() for begin, end in marks)


def from_flags(given: Given) -> Draft:
    """The draft, where nobody can be asked.

    Raises:
        SettingsError: a flag is missing, or what one says makes no sense.
        RouterError: there is no such router, or it takes no target.
    """
    missing = [f"--{name}" for name in FLAGS if getattr(given, name) is None]
    if missing:
        raise SettingsError(
            f"there is no terminal to ask at; say {', '.join(missing)} too, e.g. `davy rollout "
            "init --service digits --baseline v1 --candidate v2 --router memory`"
        )
    router = given.router or NOWHERE
    if (refusal := _refusal(router, given.options)) is not None:
        raise SettingsError(f"{_flag(refusal)}: {_sentence(refusal)}") from refusal
    facts = {name: str(getattr(given, name)) for name in FACTS}
    return _draft(facts, router, given.options, given.stages)


def from_answers(given: Given) -> Draft:
    """The draft, with what a person at a terminal answers.

    Raises:
        SettingsError: what a flag says makes no sense.
        RouterError: the router takes no target, whatever its options.
    """
    facts = {"service": given.service or _ask("Service, as it calls itself", words)}
    facts["baseline"] = given.baseline or _ask("Version that serves now", words)
    other = partial(_other_than, facts["baseline"])
    facts["candidate"] = given.candidate or _ask("Version that shall replace it", other)
    router = given.router or _ask(
        "Router that moves the traffic (davy routers lists them)", _known, default=NOWHERE
    )
    options, stages = _asked_options(router, given.options), given.stages
    settled = stages or given.staged or None not in {getattr(given, name) for name in FLAGS}
    if not settled:
        usual = ", ".join(defaults.STAGES)
        stages = _ask("Stages: share, and how long at least", stages_of, default=usual)
    return _draft(facts, router, options, stages)


def _asked_options(router: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the router needs; asked for until it takes them."""
    options = dict(given)
    while (refusal := _refusal(router, options)) is not None:
        name = refusal.option
        if not name or name in given:
            raise SettingsError(f"{_flag(refusal)}: {_sentence(refusal)}") from refusal
        typer.echo(_sentence(refusal))
        options[name] = _ask(f"  {name}", partial(_value, name))
    return options


def _ask(question: str, read: Callable[[str], T], *, default: str | None = None) -> T:
    """Ask until the answer can be read."""

    def checked(text: str) -> T:
        try:
            return read(text.strip())
        except (UnitError, DavyError) as problem:
            raise typer.BadParameter(str(problem)) from problem

    answer: T = typer.prompt(question, default=default, value_proc=checked)
    return answer


def _draft(
    facts: Mapping[str, str], router: str, options: Mapping[str, Any], stages: tuple[str, ...]
) -> Draft:
    """All of it; names that came by flags are looked at here."""
    for name, text in facts.items():
        _check(f"--{name}", text, words)
    _check("--candidate", facts["candidate"], partial(_other_than, facts["baseline"]))
    return Draft(
        service=facts["service"],
        baseline=facts["baseline"],
        candidate=facts["candidate"],
        router=router,
        options=options,
        moves=_moves(router),
        stages=stages,
    )


def _check(flag: str, text: str, read: Callable[[str], object]) -> None:
    try:
        read(text)
    except UnitError as problem:
        raise SettingsError(f"{flag}: {problem}") from problem


def _other_than(baseline: str, text: str) -> str:
    if words(text) == baseline:
        raise UnitError(f"`{text}` is the version that serves now", "write the new one")
    return text


def _known(router: str) -> str:
    factory_of(router)
    return router


def _moves(router: str) -> str:
    """What is said of the route in the spec."""
    if router == NOWHERE:
        return "davy decides, and nothing is moved; the router of your traffic takes this place."
    abouts = abouts_of(factory_of(router))
    return f"{abouts[0].target}; `davy routers {router}` tells what it can." if abouts else ""


def _value(name: str, text: str) -> Any:
    node = compose(text, name=name, error=SpecError)
    return "" if node is None else plain(node, error=SpecError)


def _refusal(router: str, options: Mapping[str, Any]) -> OptionError | None:
    """What the router says against these options; None where it takes them."""
    try:
        open_router(Target(router=router, options=dict(options)), ARMS)
    except OptionError as refusal:
        return refusal
    return None


def _flag(refusal: OptionError) -> str:
    return f"--option {refusal.option}".strip()


def _sentence(refusal: OptionError) -> str:
    """The refusal without the place that a spec has and a question has not."""
    told = str(refusal).removeprefix(f"target.options.{refusal.option}: ")
    return told.removeprefix("target.options: ")
