"""What does a new spec look like? The four facts, stages, and what an example watches, commented.

Of an example its facts are replaced. Its paragraphs (between empty lines) that begin with
`# Fast motion` are left out: they let a test or a demonstration end within minutes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from streams.spec import defaults
from streams.spec.load import parse_spec
from streams.spec.model import Mode
from streams.spec.render import spec_lines

FAST = "# Fast motion"
FACTS = ("rollout", "service", "baseline", "candidate", "candidates", "revision", "route")
"""Keys of an example that belong to it alone."""
STAGES = "stages"
HEAD = """\
# Check it:  davy rollout apply {name} --dry-run
# Begin it:  davy rollout apply {name}"""
ABOUT_STAGES = """\
# The candidate's share and how long it has it at least. davy goes on when no harm is seen, takes
# it back at once when harm is shown, and gives it all when it is shown to be no worse."""
ABOUT_COPIES = """\
# The share of the requests of which the candidate gets a copy, and how long that lasts at least."""
ABOUT_DEFAULTS = """\
# What holds where nothing is said; the guardrails roll back. Take the `#` from a line to change it,
# and from those that it is indented under."""
_KEY = re.compile(r"^([A-Za-z_]+):")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What only the author of a spec can know."""

    service: str
    baseline: str
    candidate: str
    router: str
    options: Mapping[str, Any] = field(default_factory=dict)
    moves: str = ""
    """What the router moves, for a comment."""
    stages: Sequence[str] = ()
    """As in YAML: `1% for 2h`; none: those of the example, or the usual ones."""


def drafted(draft: Draft, example: str | None = None, *, name: str = "rollout.yaml") -> str:
    """The YAML of a spec; with an example's comments, mode, metrics, outcomes and segments.

    Args:
        draft: Who, where, how fast.
        example: The YAML of an example; without one all defaults stand there, commented out.
        name: Of the file, for its first lines.

    Raises:
        SpecError: the facts or stages make no sense by themselves. What only the whole spec or
            its router can tell is for `parse_spec` and the router to say.
    """
    paragraphs = list(_of_example(draft, example) if example else _plain(draft))
    return "\n\n".join([HEAD.format(name=name), *paragraphs]) + "\n"


def _plain(draft: Draft) -> Iterator[str]:
    facts = [_facts(draft), _route(draft), _stages(draft.stages)]
    yield from facts
    yield f"{ABOUT_DEFAULTS}\n{_commented_defaults(facts)}"


def _commented_defaults(facts: Sequence[str]) -> str:
    """Every line behind the stages of what a spec of these facts is printed as."""
    lines = [line.text for line in spec_lines(parse_spec("\n".join(facts)))]
    return "\n".join(f"# {text}" for text in lines[lines.index("guardrails:") :])


def _of_example(draft: Draft, example: str) -> Iterator[str]:
    """Its paragraphs, with the draft's facts after the comment at its head."""
    away = (*FACTS, STAGES) if draft.stages else FACTS
    mode = parse_spec(example).spec.mode
    head, *others = example.strip().split("\n\n")
    comment, rest = _split_comment(_without(head, away))
    yield "\n".join([comment, _facts(draft)] if comment else [_facts(draft)])
    yield _route(draft)
    yield from filter(None, [rest])
    for paragraph in others:
        fast = paragraph.lstrip().startswith(FAST)
        if not fast:
            yield from filter(None, [_rest(paragraph, away)])
        elif STAGES in _keys(paragraph) and not draft.stages:
            yield _stages((), mode)
    if draft.stages:
        yield _stages(draft.stages, mode)


def _keys(paragraph: str) -> list[str]:
    return [found[1] for line in paragraph.splitlines() if (found := _KEY.match(line))]


def _rest(paragraph: str, keys: Sequence[str]) -> str:
    """What is left without these keys; nothing where only the comment above one of them is."""
    left = _without(paragraph, keys)
    return "" if _keys(paragraph) and not _keys(left) else left


def _without(paragraph: str, keys: Sequence[str]) -> str:
    r"""The paragraph without these keys and what is indented below them; comments stay.

    >>> _without("# why\nservice: a\nroute:\n  memory: {}\nunit: user", ["service", "route"])
    '# why\nunit: user'
    """
    lines, dropping = [], False
    for line in paragraph.splitlines():
        key = _KEY.match(line)
        if key or line.startswith("#"):
            dropping = key is not None and key[1] in keys
        if not dropping:
            lines.append(line)
    return "\n".join(lines)


def _split_comment(paragraph: str) -> tuple[str, str]:
    """The comment at its head, and what follows."""
    lines = paragraph.splitlines()
    count = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join(lines[:count]), "\n".join(lines[count:])


def _facts(draft: Draft) -> str:
    facts = {"service": draft.service, "baseline": draft.baseline, "candidate": draft.candidate}
    return "\n".join(f"{key}: {_flow(value)}" for key, value in facts.items())


def _route(draft: Draft) -> str:
    told = [f"# {draft.moves}"] if draft.moves else []
    if not draft.options:
        return "\n".join([*told, f"route: {_flow(draft.router)}"])
    options = [f"    {_flow(key)}: {_flow(value)}" for key, value in draft.options.items()]
    return "\n".join([*told, "route:", f"  {_flow(draft.router)}:", *options])


def _stages(stages: Sequence[str], mode: Mode = Mode.LIVE) -> str:
    live = mode is Mode.LIVE
    about, usual = (
        (ABOUT_STAGES, defaults.STAGES) if live else (ABOUT_COPIES, defaults.SHADOW_STAGES)
    )
    return "\n".join([about, "stages:", *(f"  - {stage}" for stage in stages or usual)])


def _flow(value: object) -> str:
    """A value in one line of YAML, which reads back as the same."""
    dumped: str = yaml.safe_dump(
        value, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False
    )
    return dumped.removesuffix("\n").removesuffix("\n...")
