"""Which part of the lock does an image need? `python subset.py server k8s` prints it, with hashes.

Arguments are extras of pyproject.toml, or names of packages; each brings what it needs, by the
lock's own `# via` lines. Runs in a bare Python, beside both files: infra/compose/Dockerfile.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCK, PROJECT = Path("requirements.lock"), Path("pyproject.toml")
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
VIA = re.compile(r"^    #   (\S+)|^    # via (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One package of the lock; numpy has two, for older and newer Pythons."""

    name: str
    parents: frozenset[str]
    """Who needs it."""
    text: str
    """As it stands in the lock."""


def entries(lock: str) -> Iterator[Entry]:
    """The packages of a lock as `uv pip compile` writes it."""
    for text in re.split(r"^(?=\S)", lock, flags=re.MULTILINE):
        if found := NAME.match(text):
            names = (one or other for one, other in map(_via, text.splitlines()))
            parents = frozenset(plain(name) for name in names if name)
            yield Entry(name=plain(found[0]), parents=parents, text=text)


def _via(line: str) -> tuple[str, str]:
    found = VIA.match(line)
    return ("", "") if found is None else (found[1] or "", found[2] or "")


def plain(name: str) -> str:
    """A package's name in its one spelling.

    >>> plain("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def roots(project: Mapping[str, Any], asked: Sequence[str], known: Collection[str]) -> set[str]:
    """What davy itself, the extras and the packages that are asked for name.

    Raises:
        ValueError: one is neither an extra nor a package of the lock.
    """
    extras = project["optional-dependencies"]
    if strange := [name for name in asked if name not in extras and plain(name) not in known]:
        raise ValueError(
            f"{', '.join(strange)}: no extra ({', '.join(extras)}), and no package of {LOCK}"
        )
    named = [wanted for extra in asked for wanted in extras.get(extra, ())]
    if any(name in extras for name in asked):
        named += project["dependencies"]
    packages = [name for name in asked if name not in extras]
    return {plain(NAME.findall(wanted)[0]) for wanted in (*named, *packages)}


def closed(found: Sequence[Entry], wanted: set[str]) -> list[Entry]:
    """The entries of these packages and of all that they need, in the lock's order."""
    while more := {each.name for each in found if each.parents & wanted} - wanted:
        wanted = wanted | more
    return [each for each in found if each.name in wanted]


def main(asked: Sequence[str]) -> int:
    """Print the part of the lock; 2 where something is asked for that is not there."""
    found = [*entries(LOCK.read_text(encoding="utf-8"))]
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    try:
        wanted = roots(project, asked, {each.name for each in found})
    except ValueError as mistake:
        sys.stderr.write(f"{mistake}\n")
        return 2
    sys.stdout.write("".join(each.text for each in closed(found, wanted)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
