"""A worker keeps nothing on its own disk, and no tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.agents.app import create_app
from streams.agents.ownership import Ownership
from streams.settings import Settings


def test_no_folder_is_made_or_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust makes one for tables; where that cannot be done, the worker would not start."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "full" / "disk"))
    app = create_app(Settings(), Ownership(lambda _: pytest.fail("nobody asked")))
    app._init_signals()  # what the first use of an app does
    app._create_directories()
    assert list(tmp_path.iterdir()) == []


async def test_it_does_not_wait_for_tables_before_it_joins_the_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Faust sleeps for a second, in which partitions stand still."""
    app = create_app(Settings(), Ownership(lambda _: pytest.fail("nobody asked")))
    consumer: Any = app.consumer
    consumer.assignment = set
    slept: list[float] = []
    monkeypatch.setattr(app.tables, "sleep", slept.append)
    await app.tables.start()
    await app.tables.wait_until_tables_registered()
    assert slept == []
    assert app.tables.recovery.started
    await app.tables.stop()
    consumer._thread.thread_loop.close()
