"""With trusted keys, whatever no judge signed just so moves nothing, and says why in `routing`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.access_settings import SigningSettings
from streams.actuator.routers.memory import MemoryTarget
from streams.demo.processes import wait_until
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from streams.spec.model import RolloutSpec
from streams.wire.keys import KeyPair, new_pair, read_private
from streams.wire.signatures import Signer
from tests.actuator.log import Log, Sent, Tamper
from tests.actuator.targets import split
from tests.actuator.test_service import actuating, begin, in_memory, phase

UP, DOWN = Action.ADVANCE, Action.ROLLBACK
SHARE = {UP: 5000, DOWN: 0}
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(b"s" * 32))


@pytest.fixture
def pair(tmp_path: Path) -> KeyPair:
    """The judge's key."""
    return new_pair(tmp_path / "keys")


@contextmanager
def open_log(bootstrap: str, prefix: str, pair: KeyPair) -> Iterator[Log]:
    """A log whose judge signs, and whose actuator believes nobody else."""
    signing = SigningSettings(trusted=pair.public)
    opened = Log(bootstrap, prefix, signer=Signer(read_private(pair.private)), signing=signing)
    yield opened
    opened.close()


@pytest.fixture
def log(tansu: str, prefix: str, pair: KeyPair) -> Iterator[Log]:
    """What needs no second broker to be shown."""
    with open_log(tansu, prefix, pair) as opened:
        yield opened


class Case(NamedTuple):
    """One rollout whose second decision is tampered with."""

    what: str
    tamper: Tamper
    code: str
    action: Action
    spec: RolloutSpec
    target: MemoryTarget


def tampers(log: Log) -> dict[str, tuple[Tamper, str]]:
    """What can be done to a record on its way, and the code by which it is refused."""
    assert log.signer is not None
    ours = log.signer

    def by(signer: Signer, sent: Sent, *, topic: str = "decisions", key: str = "") -> Sent:
        name, signed_key = log.settings.topic(topic), (key or sent.key).encode()
        return replace(sent, headers=signer.headers(name, signed_key, sent.value or b""))

    def disguised(sent: Sent) -> Sent:
        signature = by(STRANGER, sent).headers[0]
        return replace(sent, headers=(signature, *sent.headers[1:]))

    def flipped(sent: Sent) -> Sent:
        value = sent.value or b""
        return replace(sent, value=value.replace(b"test", b"text"))

    return {
        "unsigned": (lambda sent: replace(sent, headers=()), "unsigned"),
        "a stranger's": (lambda sent: by(STRANGER, sent), "unknown_key"),
        "under our id": (disguised, "bad_signature"),
        "value": (flipped, "bad_signature"),
        "topic": (lambda sent: by(ours, sent, topic="leases"), "bad_signature"),
        "deployment": (
            lambda sent: replace(
                sent, headers=ours.headers("decisions", sent.key.encode(), sent.value or b"")
            ),
            "bad_signature",
        ),
        "key": (lambda sent: by(ours, sent, key="another-rollout"), "bad_signature"),
        "no key id": (lambda sent: replace(sent, headers=sent.headers[:1]), "bad_signature"),
        "signed twice": (
            lambda sent: replace(sent, headers=by(STRANGER, sent).headers + sent.headers),
            "bad_signature",
        ),
    }


class TestTampered:
    @pytest.fixture
    def log(self, broker: Any, prefix: str, pair: KeyPair) -> Iterator[Log]:
        """Headers must pass through either broker."""
        with open_log(broker.bootstrap, prefix, pair) as opened:
            yield opened

    def test_nothing_moves(self, log: Log, caplog: pytest.LogCaptureFixture) -> None:
        """Every tampering is refused, up or down; the judge's own next decision goes through."""
        caplog.set_level(logging.WARNING)
        every = tampers(log)
        cases = [
            Case(f"{what} {action}", *every[what], action, *in_memory())
            for action, names in ((UP, every), (DOWN, ("unsigned", "value")))
            for what in names
        ]
        with actuating(log):
            for case in cases:
                begin(log, case.spec)
                log.decide(case.spec, UP, 2500)
            for case in cases:
                log.wait_for(case.spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
                log.decide(case.spec, case.action, SHARE[case.action], tampered=case.tamper)
            told = {
                case.what: log.wait_for(
                    case.spec.rollout, phase(RoutingPhase.REFUSED, 2), what=case.what
                )
                for case in cases
            }
            codes = {what: record.reason.split(":")[0] for what, record in told.items()}
            assert codes == {case.what: case.code for case in cases}
            assert [case.target.weights_bp for case in cases] == [split(2500)] * len(cases)
            assert all(record.desired_bp == {} for record in told.values())
            for case in cases:
                log.decide(case.spec, case.action, SHARE[case.action])
            for case in cases:
                log.wait_for(case.spec.rollout, phase(RoutingPhase.APPLIED, 2), what="the true one")
                assert case.target.weights_bp == split(SHARE[case.action])
        for code in set(codes.values()):
            assert f"{code}: decisions" in caplog.text
        assert "DAVY_SIGNING__KEY" in told["unsigned advance"].reason

    def test_moved_repeated_reordered(self, log: Log) -> None:
        """True signatures prove one record each, and an old one proves nothing new."""
        spec, target = in_memory()
        with actuating(log):
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
            log.decide(spec, Action.ADVANCE, 5000, lost=True)
            log.decide(spec, Action.ADVANCE, 7500)
            early = log.wait_for(spec.rollout, phase(RoutingPhase.REFUSED, 3), what="too early")
            first, second, third = log.decided
            log.put(second)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 2), what="in its turn")
            log.put(first)
            again = log.wait_for(spec.rollout, phase(RoutingPhase.REFUSED, 1), what="again")
            known = len(log.routed(spec.rollout))
            log.put(replace(third, headers=second.headers))
            moved = log.wait_for(
                spec.rollout, phase(RoutingPhase.REFUSED, 3), what="moved", after=known
            )
        codes = [record.reason.split(":")[0] for record in (early, again, moved)]
        assert codes == ["chain_broken", "stale", "bad_signature"]
        assert target.weights_bp == split(5000)


class TestFlood:
    def test_one_record_a_minute(self, log: Log) -> None:
        """Forgeries by the hundred are one record in `routing`, and hold up no decision."""
        spec, target = in_memory()
        with actuating(log):
            begin(log, spec)
            for _ in range(300):
                log.decide(spec, Action.ADVANCE, 10_000, tampered=lambda s: replace(s, headers=()))
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
        refused = [r for r in log.routed(spec.rollout) if r.phase is RoutingPhase.REFUSED]
        assert [record.reason.split(":")[0] for record in refused] == ["unsigned"]
        assert target.weights_bp == split(2500)


class TestLeases:
    def test_a_forged_heartbeat_raises_nothing(
        self, log: Log, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Unsigned, or a true one again after its time: as if nobody was heard."""
        caplog.set_level(logging.WARNING)
        spec, target = in_memory()
        with actuating(log):
            log.apply(spec)
            log.wait_for(spec.rollout, phase(RoutingPhase.OBSERVED, 0), what="first look")
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, lambda r: r.reason.startswith("no_lease"), what="held")
            log.beat(spec, tampered=lambda sent: replace(sent, headers=()))
            log.beat(spec, age_s=90.0)
            for told in ("unsigned: lease", "actuator.stale_lease"):
                wait_until(lambda told=told: told in caplog.text, what=told, deadline_s=20)
            assert target.writes == 0
            log.beat(spec)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="the judge's own")
        assert target.weights_bp == split(2500)


class TestRotation:
    def test_under_way(self, log: Log, pair: KeyPair, tmp_path: Path) -> None:
        """While both keys are trusted, decisions of the old and of the new one move traffic."""
        newer = new_pair(tmp_path / "keys")
        both = SigningSettings(trusted=tmp_path / "public")
        (tmp_path / "public").mkdir()
        for each in (pair, newer):
            (tmp_path / "public" / each.public.name).write_bytes(each.public.read_bytes())
        log.settings = log.settings.model_copy(update={"signing": both})
        spec, target = in_memory()
        with actuating(log):
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="by the old key")
            log.signer = Signer(read_private(newer.private))
            log.beat(spec)
            log.decide(spec, Action.ADVANCE, 5000)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 2), what="by the new key")
        assert target.weights_bp == split(5000)


class TestNoKeys:
    def test_said_once(self, log: Log, caplog: pytest.LogCaptureFixture) -> None:
        """Without trusted keys unsigned decisions count as ever, and the first lines say so."""
        caplog.set_level(logging.INFO)
        log.settings = log.settings.model_copy(update={"signing": SigningSettings()})
        log.signer = None
        spec, target = in_memory()
        with actuating(log):
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
        said = [r.getMessage() for r in caplog.records if "not_verified" in r.getMessage()]
        assert len(said) == 1
        assert "signing.trusted" in said[0]
        assert target.weights_bp == split(2500)
