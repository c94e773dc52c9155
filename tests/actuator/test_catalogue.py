"""What is told of routers is so: it is compared with what they say and with the suites that run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from infra.docs.figures import routers_table
from streams.actuator.routers import BUILT_IN, catalogue, factory_of, open_router
from streams.actuator.routers.declared import About, Check, abouts_of
from streams.errors import TargetRejected
from streams.spec.model import Target
from tests.actuator.targets import ARMS, RIGS, WITH_TRAFFIC, Rig, chosen, router_of
from tests.actuator.test_contract_audience import ABLE
from tests.kube.kserve_rigs import MODES

ROOT = Path(__file__).parents[2]
README = ROOT / "streams" / "actuator" / "README.md"
SUITES: dict[Check, Collection[str]] = {
    Check.CONTRACT: [*RIGS, *MODES],
    Check.AUDIENCE: ABLE,
    Check.ANSWERS: [name for name in WITH_TRAFFIC if name != "flagd"],
    Check.EVALUATIONS: ["flagd"],
    Check.GATE: ["argo-rollouts"],
}
REAL = sorted(RIGS.keys() - {"memory_coarse", "memory_percent"})  # no option makes these


class TestDeclared:
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_every_router_says_what_it_can(self, name: str) -> None:
        """Facts stand beside its factory: `@declared(About(...))`."""
        abouts = abouts_of(factory_of(name))
        assert abouts, f"put @declared(About(...)) before {BUILT_IN[name]}"
        assert len({about.variant for about in abouts}) == len(abouts)

    @pytest.mark.parametrize("check", SUITES)
    def test_what_it_says_was_tried_is_tried(self, check: Check) -> None:
        """The suites of tests/actuator run on exactly the routers that say so."""
        said = {name for name in BUILT_IN if any(check in about.checks for about in of(name))}
        assert said == {router_of(rig) for rig in SUITES[check]}

    @pytest.mark.parametrize("rig", chosen(*REAL), indirect=True)
    def test_a_router_can_what_was_told(self, rig: Rig, request: pytest.FixtureRequest) -> None:
        """What an opened target says is one of the variants that are told."""
        name = router_of(request.node.callspec.params["rig"])
        assert rig.open().capabilities in [about.can for about in of(name)]


def of(name: str) -> tuple[About, ...]:
    return abouts_of(factory_of(name))


class TestTable:
    def test_the_page_of_the_room_has_it(self) -> None:
        """As `make figures` would write it."""
        assert routers_table() in README.read_text()


Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install(module, text)`: a package 1.0 with that module, whose `OPEN` is a router."""

    def put(module: str, text: str) -> None:
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(text)
        facts = tmp_path / f"{module}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[davy.routers]\n{module} = {module}:OPEN\n")

    monkeypatch.syspath_prepend(tmp_path)
    return put


class TestPlugins:
    def test_one_that_is_broken_hides_no_other(self, install: Install) -> None:
        """Each is told by itself: with what it said when it was loaded, or that it says nothing."""
        install("davy_test_broken", "raise RuntimeError('no licence')")
        install("davy_test_silent", "def OPEN(options, arms, audience): ...")
        rows = {row.name: row for row in catalogue.everything()}
        assert rows.keys() >= {*BUILT_IN, "davy_test_broken", "davy_test_silent"}
        broken = rows["davy_test_broken"]
        assert (broken.source, broken.about) == ("davy_test_broken 1.0", None)
        assert "davy_test_broken:OPEN cannot be loaded: no licence" in broken.trouble
        assert rows["davy_test_silent"].trouble == catalogue.UNTOLD
        assert rows["envoy"].about

    @pytest.mark.parametrize(
        "text",
        [
            "def OPEN(options, arms, audience): return options['nothing']",
            "def OPEN(options, arms): ...",
            "def OPEN(options, arms, audience): return object()",
            "OPEN = 7",
        ],
    )
    def test_one_that_cannot_open_stops_no_rollout_of_others(
        self, install: Install, text: str
    ) -> None:
        """Whatever goes wrong in it is a refusal, as that of any target."""
        install("davy_test_rude", text)
        with pytest.raises(TargetRejected, match="router davy_test_rude: cannot be opened: "):
            open_router(Target(router="davy_test_rude", options={}), ARMS)

    def test_none_takes_the_name_of_ours(
        self, install: Install, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A package cannot slip itself under a name that davy has."""
        monkeypatch.setitem(BUILT_IN, "davy_test_ours", BUILT_IN["memory"])  # type: ignore[arg-type]
        install("davy_test_ours", "raise RuntimeError('never loaded')")
        rows = [row for row in catalogue.everything() if row.name == "davy_test_ours"]
        assert [row.source for row in rows] == ["davy"]
