"""What is a flag's alone: users who stay, and rules of other people that are left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.rigs import flags as flags_rig
from streams.actuator.ports import Desired, Fence, Router
from streams.actuator.routers import open_router
from streams.actuator.routers.options import OptionError
from streams.demo.processes import wait_until
from streams.errors import TargetNotFound, TargetRejected
from streams.spec.model import Target
from tests.actuator.targets import ARMS, CLUSTERS, flags, split

FENCE = Fence(rollout="r1", seq=3)
USERS = 2000
STAFF = {"in": [{"var": "targetingKey"}, ["ann", "bob"]]}
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of flags, with a rule of the team's own in front."""
    document = flags()
    flag = document["flags"]["digits"]
    flag["targeting"] = {"if": [STAFF, "v2", flag["targeting"]]}
    document["flags"]["other"] = {"state": "DISABLED", "variants": {"é": True}}
    path = tmp_path / "flags.json"
    path.write_text(json.dumps(document))
    return path


def open_flag(path: Path, **more: Any) -> Router:
    options = {"file": str(path), "flag": "digits", "variants": CLUSTERS}
    return open_router(Target(router="flagd", options=options | more), ARMS)


@pytest.fixture
def evaluate(file: Path) -> Iterator[Callable[[str], str]]:
    with flags_rig.provider(file) as ask:
        yield ask


def put(router: Router, candidate_bp: int, fence: Fence = FENCE) -> None:
    router.apply(Desired(weights_bp=split(candidate_bp)), expect=None, fence=fence)


class TestUsers:
    def test_who_has_the_candidate_keeps_it(
        self, file: Path, evaluate: Callable[[str], str]
    ) -> None:
        """A larger share takes more users and sends none back, until all have it; then none."""
        router, had = open_flag(file), frozenset[str]()
        for candidate_bp in (500, 2000, 5000, 10_000, 0):
            put(router, candidate_bp)
            about = candidate_bp * USERS / 10_000
            wait_until(
                lambda about=about: abs(len(having(evaluate)) - about) <= USERS / 25,
                what=f"{candidate_bp}",
                deadline_s=10,
            )
            now = having(evaluate)
            assert had < now or candidate_bp == 0
            assert having(evaluate) == now
            had = now
        assert had == frozenset()

    def test_another_rollout_has_other_users_first(
        self, file: Path, evaluate: Callable[[str], str]
    ) -> None:
        """The salt is the rollout's id."""
        router = open_flag(file)
        put(router, 2000)
        wait_until(lambda: bool(having(evaluate)), what="2000", deadline_s=10)
        first = having(evaluate)
        put(router, 2000, Fence(rollout="r2", seq=1))
        wait_until(lambda: having(evaluate) != first, what="another salt", deadline_s=10)
        second = having(evaluate)
        assert len(first & second) < min(len(first), len(second)) / 2

    def test_rules_in_front_stay(self, file: Path, evaluate: Callable[[str], str]) -> None:
        """Staff has the candidate, whatever the shares."""
        put(open_flag(file), 0)
        assert [evaluate("ann"), evaluate("bob"), evaluate("carl")] == ["v2", "v2", "v1"]


def having(evaluate: Callable[[str], str]) -> frozenset[str]:
    users = [f"user-{number}" for number in range(USERS)]
    return frozenset(user for user in users if evaluate(user) == "v2")


class TestFile:
    def test_only_the_rule_and_the_fence_change(self, file: Path) -> None:
        """All else stays, in its order."""
        before = json.loads(file.read_text())
        put(open_flag(file), 2500)
        after = json.loads(file.read_text())
        flag = after["flags"]["digits"]
        assert flag.pop("metadata") == {"davy": "davy:3:r1"}
        assert flag["targeting"]["if"][2]["fractional"] == [
            {"cat": ["digits:r1:", {"var": "targetingKey"}]},
            ["v2", 2500],
            ["v1", 7500],
        ]
        flag["targeting"]["if"][2] = before["flags"]["digits"]["targeting"]["if"][2]
        assert json.dumps(after) == json.dumps(before)

    def test_what_a_user_is_known_by(self, file: Path) -> None:
        """Another word of the evaluation context, if the team wants it so."""
        put(open_flag(file, key="account"), 2500)
        assert '"var": "account"' in file.read_text()

    @pytest.mark.parametrize(
        ("change", "error", "says"),
        [
            (lambda flag: flag.update(state="DISABLED"), TargetRejected, "is not enabled"),
            (lambda flag: flag.update(defaultVariant="v2"), TargetRejected, "make it v1"),
            (lambda flag: flag["variants"].pop("v2"), TargetRejected, "has no variant v2"),
            (lambda flag: flag.pop("targeting"), TargetRejected, "has 0 fractional rules"),
            (lambda flag: rule(flag).append(["v3", 1]), TargetRejected, "other variants than v1"),
            (lambda flag: rule(flag).append(["v2", -1]), TargetRejected, "restore the file"),
            (lambda flag: rule(flag).append([]), TargetRejected, "restore the file"),
            (lambda flag: flag.update(metadata=7), TargetRejected, "restore the file"),
        ],
    )
    def test_what_cannot_be_used(
        self, file: Path, change: Change, error: type[Exception], says: str
    ) -> None:
        """Each with what to do."""
        document = json.loads(file.read_text())
        change(document["flags"]["digits"])
        file.write_text(json.dumps(document))
        with pytest.raises(error, match=says):
            open_flag(file).observe()

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"flags": 1}', "{"])
    def test_no_flags_at_all(self, file: Path, text: str) -> None:
        file.write_text(text)
        with pytest.raises(TargetRejected, match="no flags in JSON"):
            open_flag(file).observe()

    def test_no_such_flag(self, file: Path) -> None:
        with pytest.raises(TargetNotFound, match="there is no flag colour"):
            open_flag(file, flag="colour").observe()

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"file": "/etc/flags.yaml"}, "let flagd watch a .json file"),
            ({"variants": {"baseline": "v1", "candidate": "v1"}}, "two arms share one name"),
            ({"flags": "x"}, "did you mean `flag`"),
        ],
    )
    def test_options(self, options: dict[str, Any], says: str) -> None:
        """Refused where the spec is applied."""
        with pytest.raises(OptionError, match=says):
            open_flag(Path("/f.json"), **options)


def rule(flag: dict[str, Any]) -> list[Any]:
    shares: list[Any] = flag["targeting"]["if"][2]["fractional"]
    return shares
