"""`davy rollout init` and `davy rollout examples`: a spec of one's own, to begin with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.actuator.routers import router_names
from streams.cli import show
from streams.cli.common import JsonLines
from streams.cli.interview import Given, from_answers, from_flags, option_of, stages_of
from streams.cli.target import check_route
from streams.errors import SpecError
from streams.spec.draft import drafted
from streams.spec.library import example, example_names, first_sentence
from streams.spec.load import parse_spec
from streams.spec.model import Mode


def _examples_like(incomplete: str) -> list[str]:
    return [name for name in example_names() if name.startswith(incomplete)]


def _routers_like(incomplete: str) -> list[str]:
    return [name for name in router_names() if name.startswith(incomplete)]


File = Annotated[Path, typer.Argument(help="Where the spec is written.")]
Service = Annotated[str | None, typer.Option(help="The inference service, as it calls itself.")]
Baseline = Annotated[str | None, typer.Option(help="The version that serves now.")]
Candidate = Annotated[str | None, typer.Option(help="The version that shall replace it.")]
Router = Annotated[
    str | None,
    typer.Option(help="What moves the traffic: see `davy routers`.", autocompletion=_routers_like),
]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", help="NAME=VALUE of the router, in YAML. May be repeated."),
]
Stages = Annotated[str | None, typer.Option(help="E.g. '2% for 2h, 25% for 12h, 100%'.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="What an example watches: see `davy rollout examples`.",
        autocompletion=_examples_like,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")]


def init(
    file: File = Path("rollout.yaml"),
    *,
    service: Service = None,
    baseline: Baseline = None,
    candidate: Candidate = None,
    router: Router = None,
    option: Option = None,
    stages: Stages = None,
    like: From = None,
    force: Force = False,
) -> None:
    """Write a commented spec, from answers or from flags.

    Asked is only what no flag says; without a terminal flags must say all of it.

    Example: davy rollout init --service digits --baseline v1 --candidate v2 --router memory

    Example: davy rollout init chat.yaml --from llm --stages "1% for 2h, 10% for 12h, 100%"
    """
    if file.exists() and not force:
        raise _there(file)
    text = None if like is None else _example(like)
    mode = Mode.LIVE if text is None else parse_spec(text).spec.mode
    given = Given(
        service=service,
        baseline=baseline,
        candidate=candidate,
        router=router,
        options=dict(map(option_of, option or ())),
        stages=stages_of(stages, mode) if stages else (),
        staged=text is not None,
    )
    draft = from_answers(given) if sys.stdin.isatty() else from_flags(given)
    made = drafted(draft, text, name=str(file))
    _check(made, file)
    _write(file, made, force=force)
    show.say(f"{file} is written; next: davy rollout apply {file} --dry-run", style="green")


def examples(as_json: JsonLines = False) -> None:  # noqa: FBT002 - a flag
    """Example specs that `init --from` can begin with.

    Example: davy rollout examples
    """
    told = {name: first_sentence(example(name)) for name in example_names()}
    if as_json:
        show.records({"example": name, "for": what} for name, what in told.items())
    else:
        show.table(("example", "for"), told.items())


def _example(name: str) -> str:
    try:
        return example(name)
    except SpecError as unknown:
        raise SpecError(f"--from: {unknown}") from unknown


def _check(text: str, file: Path) -> None:
    """SpecError where `davy rollout apply` would refuse it; better now, when nothing is written."""
    try:
        check_route(parse_spec(text, name=str(file)))
    except SpecError as problem:
        raise SpecError(
            f"{problem} (nothing is written: choose another --router, --from or --stages)"
        ) from problem


def _write(file: Path, text: str, *, force: bool) -> None:
    try:
        with file.open("w" if force else "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as problem:
        raise _there(file) from problem
    except OSError as problem:
        raise SpecError(
            f"{file}: cannot be written: {problem.strerror}; name a folder that is there"
        ) from problem


def _there(file: Path) -> SpecError:
    return SpecError(f"{file}: is there already; name another file, or overwrite it with --force")
