"""What a person says becomes a command, and no page of somebody else's can say it for him."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.dashboard.origin import COOKIE, HEADER, strangeness, token_of
from streams.errors import LogError
from streams.http_settings import HttpSettings
from streams.judge.decision_facts import Action
from streams.spec.model import Stage, Target
from tests.dashboard.client import API, over_http
from tests.dashboard.world import MemoryPen, World, spec

COMMANDS = f"{API}/rollouts/digits-v2/commands"
STOP = {"command": "pause", "reason": "lunch", "actor": "ada"}
APPROVED = (
    *(Stage(weight_bp=1000), Stage(weight_bp=2500, approval=True)),
    Stage(weight_bp=10_000),
)
TOKEN = "t" * 43


@dataclass
class Desk:
    """A page of the dashboard in a browser, and what came of it."""

    world: World
    pen: MemoryPen
    client: httpx.Client

    def say(self, body: dict[str, Any], **changed: str | None) -> httpx.Response:
        """What our page sends; `changed` are headers that it would not send like this."""
        token = self.client.get(f"{API}/session").json()["token"]
        host = self.client.base_url.netloc.decode()
        headers = {HEADER: token, "origin": f"http://{host}"} | {
            name.replace("_", "-"): value for name, value in changed.items()
        }
        kept = {name: value for name, value in headers.items() if value is not None}
        return self.client.post(COMMANDS, json=body, headers=kept)


@contextmanager
def served() -> Iterator[Desk]:
    pen = MemoryPen()
    world = World(pen=pen)
    one = world.apply(spec(stages=APPROVED))
    world.decide(one, Action.ADVANCE, 1000)
    world.beat(one)
    with over_http(world) as client:
        yield Desk(world, pen, client)


@pytest.fixture(scope="module")
def shared() -> Iterator[Desk]:
    with served() as opened:
        yield opened


@pytest.fixture
def desk(shared: Desk) -> Desk:
    """A rollout that goes on as it is; nothing is written, and nobody has a cookie."""
    shared.pen.written.clear()
    shared.pen.refusal, shared.world.log.why = None, ""
    shared.client.cookies.clear()
    return shared


@pytest.fixture
def own() -> Iterator[Desk]:
    """For a test that goes on with the rollout."""
    with served() as opened:
        yield opened


def refused(answer: httpx.Response) -> tuple[int, str]:
    told = answer.json()
    assert told["reason"]
    assert told["where"]
    assert told["advice"]
    return answer.status_code, told["code"]


class TestWritten:
    def test_with_who_and_why(self, desk: Desk) -> None:
        answer = desk.say(STOP | {"for_s": 60})
        told = answer.json()
        ((command, partition),) = desk.pen.written
        assert answer.status_code == 202
        assert (told["actor"], told["reason"], told["where"]) == ("ada", "lunch", "commands-0@0")
        assert (command.kind, command.actor, partition) == ("PAUSE", "ada", 0)
        assert command.until_ms == command.at_ms + 60_000

    def test_how_long_a_promotion_counts(self, desk: Desk) -> None:
        desk.say({"command": "promote", "reason": "seen", "actor": "ada", "for_s": 60})
        ((command, _),) = desk.pen.written
        assert (command.kind, command.until_ms) == ("PROMOTE", command.at_ms + 60_000)

    def test_the_record_is_one_that_the_judge_reads(self, own: Desk) -> None:
        """Through the schema, and back onto the board."""
        own.say(STOP)
        ((command, _),) = own.pen.written
        own.world.take("commands", command.to_record())
        told = own.client.get(f"{API}/rollouts/digits-v2").json()
        assert (told["summary"]["state"], told["pause"]["actor"]) == ("paused", "ada")

    def test_a_yes_to_the_next_stage_that_needs_one(self, desk: Desk) -> None:
        yes = {"command": "approve", "reason": "looks well", "actor": "ada"}
        assert desk.say(yes).json()["stage"] == 1
        assert refused(desk.say(yes | {"stage": 2})) == (409, "no_such_stage")

    def test_by_who_was_asked_whoever_he_says_he_is(self, tmp_path: Path) -> None:
        file = tmp_path / "passwords"
        file.write_text("grace:s3cret\n")
        pen = MemoryPen()
        world = World(pen=pen)
        world.decide(world.apply(), Action.ADVANCE, 1000)
        with over_http(world, HttpSettings(basic_auth_file=file)) as client:
            client.auth = ("grace", "s3cret")
            assert Desk(world, pen, client).say(STOP).json()["actor"] == "grace"


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (STOP | {"reason": ""}, "bad_request"),
            (STOP | {"reason": "   "}, "bad_request"),
            (STOP | {"actor": " "}, "nobody_named"),
            ({"command": "pause", "reason": "lunch"}, "nobody_named"),
            (STOP | {"command": "explode"}, "bad_request"),
            (STOP | {"for_s": -1}, "bad_request"),
            (STOP | {"more": 1}, "bad_request"),
        ],
        ids=str,
    )
    def test_what_makes_no_sense(self, desk: Desk, body: dict[str, Any], code: str) -> None:
        assert refused(desk.say(body)) == (422, code)
        assert desk.pen.written == []

    def test_of_a_rollout_that_has_ended(self, own: Desk) -> None:
        own.world.decide(spec(stages=APPROVED), Action.ROLLBACK, 0)
        assert refused(own.say(STOP)) == (409, "not_now")

    def test_of_one_that_still_climbs_an_abort_is_taken(self, own: Desk) -> None:
        """Decided for good, but its target goes there step by step."""
        slow = Target(router="memory", options={"name": "x"}, max_step_bp=1000)
        made = own.world.apply(spec("slow").model_copy(update={"target": slow}))
        own.world.decide(made, Action.PROMOTE, 10_000, stage=1)
        told = own.client.get(f"{API}/rollouts/slow").json()
        assert told["commands"] == ["pause", "resume", "abort"]

    def test_while_the_log_is_not_read(self, desk: Desk) -> None:
        """What may be asked is not known then."""
        desk.world.log.why = "the log is being read"
        assert refused(desk.say(STOP)) == (503, "not_written")

    def test_what_the_broker_does_not_take(self, desk: Desk) -> None:
        desk.pen.refusal = LogError("commands-0: the command was not delivered: no rights")
        assert refused(desk.say(STOP)) == (503, "not_written")

    def test_where_a_dashboard_only_looks(self) -> None:
        world = World(pen=None)
        world.decide(world.apply(), Action.ADVANCE, 1000)
        with over_http(world) as client:
            assert client.get(f"{API}/session").json()["may_command"] is False
            assert refused(Desk(world, MemoryPen(), client).say(STOP)) == (403, "read_only")


class TestForged:
    @pytest.mark.parametrize(
        "changed",
        [
            {HEADER: None},
            {HEADER: TOKEN},
            {HEADER: ""},
            {"origin": None},
            {"origin": "null"},
            {"origin": "https://evil.example"},
            {"origin": "http://127.0.0.1:1"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"sec-fetch-site": "none"},
            {"cookie": f"{COOKIE}={TOKEN}"},
            {"cookie": None},
        ],
        ids=str,
    )
    def test_by_a_page_of_somebody_elses(self, desk: Desk, changed: dict[str, str | None]) -> None:
        """The token, its cookie and the origin: each is needed."""
        if changed == {"cookie": None}:
            token = desk.client.get(f"{API}/session").json()["token"]
            desk.client.cookies.clear()
            host = desk.client.base_url.netloc.decode()
            headers = {HEADER: token, "origin": f"http://{host}"}
            answer = desk.client.post(COMMANDS, json=STOP, headers=headers)
        else:
            answer = desk.say(STOP, **changed)
        assert refused(answer) == (403, "strange_origin")
        assert desk.pen.written == []

    def test_by_a_form(self, desk: Desk) -> None:
        """A form cannot send JSON, which is what counts."""
        answer = desk.client.post(COMMANDS, data=STOP)
        assert answer.status_code == 422

    def test_our_own_page_by_the_browsers_word(self) -> None:
        """Behind a proxy that changes the host, the browser's own word counts."""
        headers = {HEADER: TOKEN, "sec-fetch-site": "same-origin", "host": "inner:8475"}
        assert strangeness(headers, {COOKIE: TOKEN}) == ""

    def test_a_token_stays_that_of_the_browser(self) -> None:
        """It needs no memory of the server's; what is no token is replaced."""
        assert token_of({COOKIE: TOKEN}) == TOKEN
        fresh = token_of({COOKIE: "x"})
        assert fresh != token_of({})
        assert token_of({COOKIE: fresh}) == fresh

    def test_the_cookie_is_kept_from_others(self, desk: Desk) -> None:
        told = desk.client.get(f"{API}/session").headers["set-cookie"].lower()
        assert "httponly" in told
        assert "samesite=strict" in told
