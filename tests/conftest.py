"""Which real parts do tests run on, and what happens where one is missing?

Brokers and registry start once per test process, on first use. A missing part is a skip with its
reason, and a failure where DAVY_REQUIRE (a comma-separated list) names it.
"""

import os
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

from infra.rigs import kafka as kafka_rig
from infra.rigs import registry as registry_rig
from infra.rigs.cache import Absent
from infra.rigs.registry import RunningRegistry
from streams.demo.broker import RunningBroker, start_tansu
from streams.demo.processes import Part, Parts

SESSION_PARTS = pytest.StashKey[list[Part]]()
TEST_PARTS = pytest.StashKey[Parts]()
# A test that asks for the fixture carries the marker, and tests of one marker run in one process
# under pytest-xdist (--dist loadgroup), so that a run starts each broker once.
MARKED = {"kafka": "kafka", "registry": "kafka", "tansu": "flow"}
BROKERS = (
    pytest.param("tansu", marks=pytest.mark.flow),
    pytest.param("kafka", marks=pytest.mark.kafka),
)

R = TypeVar("R", RunningBroker, RunningRegistry)
Absence = Callable[[str, str], NoReturn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A running broker that tests share: keep to the topics of your own `prefix`."""

    bootstrap: str
    transactional: bool
    name: str


def required() -> frozenset[str]:
    """The parts whose absence is a failure."""
    names = os.environ.get("DAVY_REQUIRE", "").split(",")
    return frozenset(name.strip() for name in names) - {""}


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SESSION_PARTS] = []


def pytest_report_header() -> str:
    return f"required parts: {', '.join(sorted(required())) or 'none (a missing one is a skip)'}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if marker := MARKED.get(fixture):
                item.add_marker(marker)
        for marker in ("kafka", "flow"):
            if item.get_closest_marker(marker) and not item.get_closest_marker("xdist_group"):
                item.add_marker(pytest.mark.xdist_group(marker))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing test shows how the logs of the parts that it used end."""
    report = yield
    if report.failed:
        shared = [part for part in item.config.stash[SESSION_PARTS] if _uses(item, part)]
        own = item.stash.get(TEST_PARTS, ())
        report.sections += [(f"end of {part.log}", part.tail()) for part in (*shared, *own)]
    return report


@pytest.fixture(scope="session")
def absent() -> Absence:
    """`absent(part, reason)` skips the test, or fails it where DAVY_REQUIRE names the part."""

    def end(part: str, reason: str) -> NoReturn:
        if part in required():
            pytest.fail(f"DAVY_REQUIRE names {part}, but: {reason}", pytrace=False)
        pytest.skip(reason)

    return end


@pytest.fixture(scope="session")
def tansu(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of the embedded broker (in memory, no transactions)."""
    with _shared(pytestconfig, start_tansu(tmp_path_factory.mktemp("tansu"))) as running:
        yield running.bootstrap


@pytest.fixture(scope="session")
def kafka(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, absent: Absence
) -> Iterator[str]:
    """Bootstrap servers of a one-node Apache Kafka with transactions."""
    folder = tmp_path_factory.mktemp("kafka")
    with _shared(pytestconfig, _unless_absent(kafka_rig.start, folder, absent)) as running:
        yield running.bootstrap


@pytest.fixture(scope="session")
def registry(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, absent: Absence
) -> Iterator[str]:
    """Address of a schema registry's Confluent API; its Java parts count as `kafka`."""
    folder = tmp_path_factory.mktemp("registry")
    with _shared(pytestconfig, _unless_absent(registry_rig.start, folder, absent)) as running:
        yield running.url


@pytest.fixture(scope="session", params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Broker:
    """The same test on both brokers."""
    name: str = request.param
    bootstrap: str = request.getfixturevalue(name)
    return Broker(bootstrap=bootstrap, transactional=name == "kafka", name=name)


@pytest.fixture
def prefix() -> str:
    """A topic prefix of the test's own, so that tests share one broker."""
    return f"t{uuid.uuid4().hex[:10]}-"


@pytest.fixture
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Parts]:
    """Starts a test's own processes (`parts.start(name, command)`) and ends them after it."""
    with Parts(tmp_path / "logs") as started:
        request.node.stash[TEST_PARTS] = started
        yield started


def _unless_absent(start: Callable[[Path], R], folder: Path, absent: Absence) -> R:
    try:
        return start(folder)
    except Absent as error:
        absent("kafka", str(error))


@contextmanager
def _shared(config: pytest.Config, running: R) -> Iterator[R]:
    config.stash[SESSION_PARTS].append(running.part)
    try:
        yield running
    finally:
        running.part.stop()


def _uses(item: pytest.Item, part: Part) -> bool:
    call = getattr(item, "callspec", None)
    names = {*getattr(item, "fixturenames", ()), call and call.params.get("broker")}
    return part.name in names
