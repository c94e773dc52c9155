"""A dashboard for tests of the page to look at."""

from __future__ import annotations

import pytest

from tests.dashboard.shown import Shown


@pytest.fixture
def shown() -> Shown:
    """A dashboard of the test's own; nothing is in its log yet."""
    return Shown()
