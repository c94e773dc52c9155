"""A router of another package: installed as people do, listed, tried by davy's suite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "infra" / "examples" / "third_party_router"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python that has the example, and davy without this checkout's tests."""
    folder = tmp_path_factory.mktemp("third") / "packages"
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    pip += ["--disable-pip-version-check", "--target", str(folder), str(EXAMPLE)]
    subprocess.run([sys.executable, *pip], check=True)
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_it_is_listed(installed: dict[str, str]) -> None:
    """With its package, beside those of davy."""
    command = [sys.executable, "-m", "streams.cli", "routers", "--json"]
    told = subprocess.run(command, env=installed, check=True, capture_output=True, text=True)
    rows = {row["router"]: row for row in map(json.loads, told.stdout.splitlines())}
    gate = rows["acme-gate"]
    assert (gate["source"], gate["total"], gate["checks"]) == ("davy-acme 1.0", 100, ["contract"])
    assert "envoy" in rows


def test_it_passes_the_contract(installed: dict[str, str], tmp_path: Path) -> None:
    """Its own tests, from a folder of their own."""
    (tmp_path / "test_contract.py").write_text((EXAMPLE / "tests/test_contract.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(
        command, cwd=tmp_path, env=installed, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "failed" not in done.stdout
