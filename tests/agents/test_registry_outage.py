"""The schema registry goes away: whoever needs it waits and says so, and nothing is lost."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.rigs.links import Link, Network
from streams.access_settings import RegistrySettings
from streams.demo.processes import HOST, Part, Parts
from streams.spec.model import Stage
from streams.wire.avro import Writer
from streams.wire.codec import Codec
from streams.wire.framing import frame
from streams.wire.registry import RegistrySchemaStore
from streams.wire.schemas import SUBJECTS, load_schema
from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.environment import environment_of
from tests.wire.neighbours import ahead

pytestmark = pytest.mark.timeout(300)
LONG = spec(stages=(Stage(weight_bp=2500, min_time_s=3600), Stage(weight_bp=10_000)))
WAITS = "waiting for the schema registry"


class Site:
    """A pipeline with a registry, to which worker and actuator come by a link."""

    def __init__(self, pipeline: Pipeline, registry: str, link: Link) -> None:
        self.pipeline, self.link = pipeline, link
        self.store = RegistrySchemaStore(RegistrySettings(url=registry))
        pipeline.codec = Codec(self.store, pipeline.settings.prefix)
        path = registry.partition("/apis")[2]
        self.env = {"DAVY_REGISTRY__URL": f"http://{HOST}:{link.port}/apis{path}"}

    def worker(self) -> Part:
        return self.pipeline.worker(**self.env)

    def actuator(self) -> Part:
        env = environment_of(self.pipeline.settings) | self.env
        command = [sys.executable, "-m", "streams.cli", "actuator"]
        return self.pipeline.parts.start("actuator", command, env=env)

    def publish_newer(self, traffic: Traffic, start_ms: int) -> int:
        """Publish predictions as a davy after this one writes them."""
        subject = SUBJECTS["predictions"]
        newer = ahead(load_schema(subject.schema))
        name = subject.name(self.pipeline.settings.prefix)
        newer_id = self.store.register(name, json.dumps(newer), subject.compatibility)
        writer = Writer(newer)
        events = list(traffic.events(start_ms))
        for event in events:
            value = frame(newer_id, writer.write({"davy_first": None, "davy_last": {}, **event}))
            self.pipeline.produce("predictions", event["request_id"], value)
        self.pipeline.settle()
        return len(events)

    def folded(self) -> int:
        """Events in panes, over all of them."""
        panes = self.pipeline.bodies("davy.Pane")
        return sum(cell["exposures"] for body in panes for cell in body["cells"])

    def eventually(self, condition, what: str, *parts: Part) -> None:
        self.pipeline.eventually(condition, what=what, parts=parts, deadline_s=120)


@pytest.fixture
def empty_site(tansu, registry, prefix, parts: Parts, tmp_path: Path) -> Iterator[Site]:
    """Where nobody has registered davy's schemas yet."""
    port = int(registry.split("/")[2].rpartition(":")[2])
    with Network(tmp_path) as network:
        yield Site(Pipeline(tansu, prefix, parts), registry, network.link(port))


@pytest.fixture
def site(empty_site) -> Site:
    empty_site.pipeline.codec.register()
    return empty_site


def lines(part: Part, words: str) -> int:
    return part.log.read_text().count(words)


class TestAtTheStart:
    def test_worker_and_actuator_wait_for_it(self, site):
        """They read nothing before, say once what they wait for, and begin when it is there."""
        site.link.cut()
        worker, actuator = site.worker(), site.actuator()
        said = ((worker, WAITS), (actuator, "actuator.waits_for_registry"))
        for part, words in said:
            site.eventually(lambda p=part, w=words: lines(p, w) > 0, "it says so", part)
        site.link.heal()
        began = ((worker, "worker started"), (actuator, "actuator.started"))
        for part, words in began:
            site.eventually(lambda p=part, w=words: lines(p, w) > 0, "it begins", part)
        assert [lines(part, words) for part, words in said] == [1, 1]

    def test_they_end_when_told_to_while_they_wait(self, site):
        site.link.cut()
        worker, actuator = site.worker(), site.actuator()
        for part, words in ((worker, WAITS), (actuator, "actuator.waits_for_registry")):
            site.eventually(lambda p=part, w=words: lines(p, w) > 0, "it says so", part)
            assert part.stop() == 0

    def test_a_schema_that_nobody_registered_ends_them(self, empty_site):
        """That is no outage: a person must see to it."""
        for part in (empty_site.worker(), empty_site.actuator()):
            assert part.wait(deadline_s=60) == 2
            assert "run `davy schemas register`" in part.tail()


@pytest.mark.slow
class TestInTheMiddle:
    @pytest.mark.parametrize("fault", ["cut", "blackhole"])
    def test_a_new_schema_is_waited_for(self, site, fault):
        """The partition stands still and says so; leases go on; then every event counts."""
        worker = site.worker()
        site.pipeline.apply(LONG)
        start_ms = time.time_ns() // 1_000_000 - 60_000
        site.eventually(
            lambda: len(site.pipeline.bodies("davy.Activation")) == 2, "it is live", worker
        )
        old = site.pipeline.publish(Traffic(seconds=5, rate=50).events(start_ms))
        site.eventually(lambda: site.folded() > 0, "panes close", worker)
        getattr(site.link, fault)()
        newer = site.publish_newer(Traffic(seconds=10, rate=50, seed=8), start_ms + 5000)
        site.eventually(lambda: lines(worker, "stands still") > 0, "it says so", worker)
        leases = len(site.pipeline.read("leases"))
        site.eventually(
            lambda: len(site.pipeline.read("leases")) > leases + 4, "leases go on", worker
        )
        site.link.heal()
        last = site.pipeline.publish(Traffic(seconds=2, rate=50, seed=9).events(start_ms + 18_000))
        wanted = old + newer
        site.eventually(lambda: site.folded() >= wanted, "all are counted", worker)
        assert wanted <= site.folded() <= wanted + last
        assert site.pipeline.raw("dead-letters") == []
        assert lines(worker, "stands still") <= 3
