"""The examples in docstrings say what is so."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TAUGHT = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "streams").rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("module", TAUGHT)
def test_examples_hold(module: str) -> None:
    """Every example of a module gives what stands below it."""
    found = doctest.testmod(import_module(module))
    assert (found.failed, found.attempted > 0) == (0, True)
