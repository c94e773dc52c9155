"""Which real parts do tests run on, and what happens where one is missing?

Brokers and registry start once per run, on first use. A missing part is a skip with its
reason, and a failure where DAVY_REQUIRE (a comma-separated list) names it.
"""

import functools
import os
import sys
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from infra.rigs import kafka as kafka_rig
from infra.rigs import registry as registry_rig
from infra.rigs.cache import Absent
from infra.rigs.shared import Shared, Started, shared
from infra.rigs.turnstile import turnstile
from streams.demo.broker import RunningBroker, start_tansu
from streams.demo.processes import Part, Parts, tail
from tests.nursery import Nursery

# Laws are checked however slow the machine is; each test has a time limit anyway. What CI sets
# (the same examples every time) stays.
settings.register_profile("davy", settings(), deadline=None)
settings.load_profile("davy")

pytest_plugins = ["tests.kube.fixtures", "tests.dashboard.browser"]

SHARED = pytest.StashKey[list[Shared]]()
HELD = pytest.StashKey[ExitStack]()
OWN = pytest.StashKey[Parts]()
# A test that asks for the fixture carries the marker.
MARKED = {
    "kafka": "kafka",
    "registry": "kafka",
    "secured": "kafka",
    "tansu": "flow",
    "etcd": "kube",
    "apiserver": "kube",
    "chromium": "browser",
    "helm": "kube",
}
BROKERS = (
    pytest.param("tansu", marks=pytest.mark.flow),
    pytest.param("kafka", marks=pytest.mark.kafka),
)

FORKED = ["-m", "streams.cli"]
"""How a command goes on that starts a program of davy's; the first word is Python."""

Absence = Callable[[str, str], NoReturn]
Share = Callable[[str, Callable[[Path], Started]], str]


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
    config.stash[SHARED] = []
    config.stash[HELD] = ExitStack()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let go of shared parts; who started one waits until no other process of the run uses it.

    Not in a fixture: that would end within the last test, with a place in the room that the others
    may need to run `alone` before they let go.
    """
    session.config.stash[HELD].close()


def pytest_report_header() -> str:
    return f"required parts: {', '.join(sorted(required())) or 'none (a missing one is a skip)'}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if marker := MARKED.get(fixture):
                item.add_marker(marker)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside of pytest-timeout: waiting costs no time
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tests marked `alone` run with no other test of the run beside them."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    folder = Path(item.config.option.basetemp).parent  # the run's, which xdist hands out
    with turnstile(folder, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing test shows how the logs of the parts that it used end."""
    report = yield
    if report.failed:
        logs = [part.log for part in item.config.stash[SHARED] if _uses(item, part.name)]
        logs += [part.log for part in item.stash.get(OWN, ())]
        report.sections += [(f"end of {log}", tail(log)) for log in logs]
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
def share(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, absent: Absence
) -> Share:
    """`share(name, start)`: the address of a part that all test processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def address(name: str, start: Callable[[Path], Started]) -> str:
        try:
            part = pytestconfig.stash[HELD].enter_context(shared(name, folder, start))
        except Absent as error:
            absent(MARKED[name], str(error))
        pytestconfig.stash[SHARED].append(part)
        return part.address

    return address


@pytest.fixture(scope="session")
def tansu(share: Share) -> str:
    """Bootstrap servers of the embedded broker (in memory, counts as without transactions)."""
    return share("tansu", lambda folder: _started(start_tansu(folder)))


@pytest.fixture(scope="session")
def kafka(share: Share) -> str:
    """Bootstrap servers of a one-node Apache Kafka with transactions."""
    return share("kafka", lambda folder: _started(kafka_rig.start(folder)))


@pytest.fixture(scope="session")
def registry(share: Share) -> str:
    """Address of a schema registry's Confluent API; its Java parts count as `kafka`."""
    return share("registry", registry_rig.start)


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


class Forking(Parts):
    """Parts of which davy's own programs are forked by a process that has imported them."""

    def __init__(self, folder: Path, nursery: Callable[[], Nursery]) -> None:
        super().__init__(folder)
        self._nursery = nursery

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Part:
        """See Parts."""
        python, *arguments = map(str, command)
        if cwd is not None or python != sys.executable or arguments[:2] != FORKED:
            return super().start(name, command, env=env, cwd=cwd)
        log = self.folder / f"{name}.log"
        told = {**os.environ, **(env or {})}
        return self.keep(self._nursery().fork(name, arguments, log=log, env=told))


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Nursery]]:
    """Starts the process that forks davy's programs, when the first test asks for it."""
    folder = tmp_path_factory.mktemp("nursery")
    with ExitStack() as held:

        @functools.cache
        def started() -> Nursery:
            return held.enter_context(Nursery(folder / "nursery.log", {}))

        yield started


@pytest.fixture
def parts(
    request: pytest.FixtureRequest, tmp_path: Path, nursery: Callable[[], Nursery]
) -> Iterator[Parts]:
    """Starts a test's own processes (`parts.start(name, command)`) and ends them after it."""
    with Forking(tmp_path / "logs", nursery) as started:
        request.node.stash[OWN] = started
        yield started


def _started(broker: RunningBroker) -> Started:
    return Started(address=broker.bootstrap, part=broker.part)


def _uses(item: pytest.Item, name: str) -> bool:
    call = getattr(item, "callspec", None)
    return name in {*getattr(item, "fixturenames", ()), call and call.params.get("broker")}
