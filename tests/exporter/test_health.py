"""An exporter tells how it is: what it read, what became of it, and whether the broker is there."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from streams.exporter.export import Plan, export, targets_of
from streams.exporter.health import Health
from streams.exporter.shares import Whose
from streams.http_settings import HttpSettings
from streams.settings import Settings
from tests.agents.pipeline import Pipeline
from tests.exporter.test_export import process_page, serving

if TYPE_CHECKING:
    from streams.demo.processes import Parts
    from tests.conftest import Broker


def value(page: str, name: str) -> float:
    """Of a metric with its labels, as a page says it; 0 where it does not."""
    found = re.findall(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    return float(found[0]) if found else 0.0


@pytest.mark.flow
async def test_its_page_says_what_came_of_it(
    broker: Broker, prefix: str, parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    anywhere = HttpSettings(port=0)
    pipeline = Pipeline(broker.bootstrap, prefix, parts, http=anywhere)
    pages: list[str] = []
    with process_page() as process, serving(b"{}") as garbage:
        plan = Plan(
            targets=targets_of([f"v1={process}", f"v2={garbage}"]),
            whose=Whose(service="digits", patterns=(), cpu_limit=64.0, memory_limit=64e9),
            every_s=0.2,
            timeout_s=2.0,
        )

        async def until_told() -> None:
            async with httpx.AsyncClient() as client:
                while not _done(pages):
                    await asyncio.sleep(0.05)
                    if url := re.findall(r"metrics at (\S+)", caplog.text):
                        pages.append((await client.get(f"{url[-1]}/metrics")).text)
                assert (await client.get(f"{url[-1]}/readyz")).text == "ok\n"

        async with asyncio.timeout(60):
            await export(pipeline.settings, plan, until_told)
    assert value(pages[-1], "davy_exporter_targets") == 2
    assert value(pages[-1], "davy_exporter_targets_answered") == 1
    assert value(pages[-1], "davy_exporter_broker_silent_seconds") < 15
    assert value(pages[-1], "davy_exporter_registry_failures_total") == 0


def _done(pages: list[str]) -> bool:
    wanted = ('samples_total{fate="delivered"}', 'scrape_failures_total{reason="garbage"}')
    return bool(pages) and all(value(pages[-1], f"davy_exporter_{each}") > 0 for each in wanted)


class TestStatus:
    def test_a_broker_that_is_away_is_told(self) -> None:
        """Which is no reason to start again, and over when one is connected."""
        health = Health(Settings())
        assert (health.status().dead, health.status().unready) == ((), ())
        health.contact._at -= 60
        health.contact.hear('{"brokers": {"b:1": {"state": "CONNECT"}}}')
        assert health.status().dead == ()
        assert health.status().unready == ("no broker was connected for 60 s",)
        health.contact.hear('{"brokers": {"b:1": {"state": "CONNECT"}, "b:2": {"state": "UP"}}}')
        assert health.status().unready == ()
