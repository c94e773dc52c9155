"""Prometheus' own checker."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from tests.conftest import Absence

Promtool: TypeAlias = str
"""The path of the program."""


@pytest.fixture(scope="session")
def promtool(absent: Absence) -> Promtool:
    """`promtool`, of Debian's package prometheus."""
    return shutil.which("promtool") or absent("prometheus", "no promtool: apt install prometheus")
