"""What stands on the wire: status codes, who may ask, and the document of it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from streams.http_settings import HttpSettings, TrustedProxy
from streams.judge.decision_facts import Action
from tests.verdicts.client import make_app, over_http
from tests.verdicts.world import EverythingRead, World, spec

ASK = {"rollout": "digits-v2", "hash": "v2"}


@pytest.fixture
def world() -> World:
    made = World(spec(revision="6f9c7b"))
    made.decide(Action.ADVANCE, 2500)
    made.beat()
    return made


@pytest.fixture
def log() -> EverythingRead:
    return EverythingRead()


@pytest.fixture
def client(world: World, log: EverythingRead) -> Iterator[httpx.Client]:
    with over_http(make_app(world.board, log)) as opened:
        yield opened


class TestStatus:
    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            (ASK | {"weight": "25"}, 200, "advance"),
            (ASK | {"weight": "25%"}, 200, "advance"),
            (ASK | {"weight": "2500bp"}, 200, "advance"),
            ({"rollout": "digits-v2", "hash": "6f9c7b"}, 200, "not_yet"),
            ({"service": "digits", "hash": "6f9c7b"}, 200, "not_yet"),
            (ASK | {"weight": "many"}, 422, "bad_weight"),
            (ASK | {"weight": "101%"}, 422, "bad_weight"),
            (ASK | {"rollout": "r" * 300}, 422, "bad_request"),
            ({"hash": "v2"}, 422, "nobody_named"),
            ({"rollout": "another", "hash": "v2"}, 404, "unknown_rollout"),
            ({"service": "digits", "hash": "v9"}, 404, "unknown_rollout"),
            ({"rollout": "digits-v2"}, 409, "wrong_revision"),
            ({"rollout": "digits-v2", "hash": "v1"}, 409, "wrong_revision"),
        ],
        ids=str,
    )
    def test_verdict(
        self, client: httpx.Client, query: dict[str, str], status: int, code: str
    ) -> None:
        for answer in (
            client.get("/v1/verdict", params=query),
            client.post("/v1/verdict", params=query),
            client.post("/v1/verdict", json=query),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers["cache-control"] == "no-store"

    def test_a_log_that_was_not_read_gives_none(
        self, client: httpx.Client, log: EverythingRead
    ) -> None:
        """Known or unknown: nothing may be said before all was read."""
        log.why = "the log is being read"
        for rollout in ("digits-v2", "another"):
            answer = client.get("/v1/verdict", params=ASK | {"rollout": rollout})
            assert (answer.status_code, answer.json()["code"]) == (503, "not_read")
            assert answer.headers["retry-after"]

    def test_by_service_who_lives_answers(self, world: World, client: httpx.Client) -> None:
        """Whatever was applied first; and nobody, where two live."""
        ask = {"service": "digits", "hash": "6f9c7b", "weight": "25"}
        old = World(spec("digits-0", revision="6f9c7b"), world.board, applied_ms=99)
        answer = client.get("/v1/verdict", params=ask)
        assert (answer.status_code, answer.json()["code"]) == (409, "several_meant")
        old.decide(Action.PROMOTE, 10_000)
        assert client.get("/v1/verdict", params=ask).json()["rollout"] == "digits-v2"
        world.decide(Action.ROLLBACK, 0, "harm: errors")
        assert client.get("/v1/verdict", params=ask).json()["rollout"] == "digits-0"

    def test_who_asked_is_told(self, client: httpx.Client) -> None:
        """So that whoever applies the rollout finds the revision to name."""
        hook = {"name": "podinfo", "namespace": "test", "phase": "Progressing", "checksum": "85d5"}
        client.post("/flagger/confirm-promotion", json=hook | {"metadata": {"service": "digits"}})
        (asked,) = client.get("/v1/asked").json()
        assert (asked["who"], asked["revision"], asked["status"]) == ("test/podinfo", "85d5", 404)
        text = client.get("/metrics").text
        sample = 'davy_verdicts_answers_total{answer="unknown_rollout",via="confirm-promotion"} 1.0'
        assert sample in text

    def test_too_much_is_not_read(self, client: httpx.Client) -> None:
        assert client.post("/v1/verdict", content=b" " * 70_000).status_code == 413


class TestAccess:
    def test_a_password(self, world: World, tmp_path: Path) -> None:
        """Nobody else learns anything, not even whether there is such a page."""
        file = tmp_path / "passwords"
        file.write_text("argo:s3cret\n")
        with over_http(make_app(world.board, http=HttpSettings(basic_auth_file=file))) as client:
            for path in ("/v1/verdict", "/openapi.json", "/healthz", "/metrics", "/nothing"):
                refused = client.get(path, params=ASK)
                assert refused.status_code == 401
                assert refused.headers["www-authenticate"].startswith("Basic")
            assert client.get("/v1/verdict", params=ASK, auth=("argo", "wrong")).status_code == 401
            assert client.get("/v1/verdict", params=ASK, auth=("argo", "s3cret")).status_code == 200

    def test_a_proxy_that_has_asked(self, world: World) -> None:
        """Its header counts from its address; `X-Forwarded-For` changes nobody's address."""
        proxy = TrustedProxy(header="X-User", addresses=("127.0.0.1",))
        elsewhere = TrustedProxy(header="X-User", addresses=("192.0.2.7",))
        said = {"X-User": "ada", "X-Forwarded-For": "192.0.2.7"}
        for trusted, status in ((proxy, 200), (elsewhere, 401)):
            app = make_app(world.board, http=HttpSettings(trusted_proxy=trusted))
            with over_http(app) as client:
                assert client.get("/v1/verdict", params=ASK, headers=said).status_code == status
                assert client.get("/v1/verdict", params=ASK).status_code == 401


def documented() -> Any:
    """The app's own OpenAPI document, of an app on which each kind of answer is to be had."""
    world = World(spec(revision="6f9c7b"))
    world.decide(Action.ADVANCE, 2500)
    world.beat()
    world.route(2500)
    return schemathesis.openapi.from_asgi("/openapi.json", make_app(world.board))


@documented().parametrize()
@settings(max_examples=20, deadline=None)
def test_every_answer_is_as_it_is_documented(case: Any) -> None:
    """Whatever is asked: a documented status and form, and no failure of ours.

    Not that all that fits the schema gets a verdict: a share or a revision may make no sense.
    """
    case.call_and_validate(excluded_checks=[positive_data_acceptance])
