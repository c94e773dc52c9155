"""What stands on the wire: answers, pages of lists, refusals, events, what browsers are told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance

from streams.dashboard import events, models
from streams.dashboard.events import MOST
from streams.dashboard.origin import COOKIE, HEADER
from streams.errors import LogError
from streams.http_settings import HttpSettings, TrustedProxy
from streams.judge.decision_facts import Action
from tests.dashboard.client import API, make_app, over_http
from tests.dashboard.world import ARM, MemoryPen, World, cell, spec

LOCAL = {"Host": "localhost"}
ONE = f"{API}/rollouts/digits-v2"
COMMANDS = f"{API}/rollouts/{{rollout}}/commands"
TOKEN = "t" * 43
OURS = LOCAL | {"Origin": "http://localhost", HEADER: TOKEN}
"""With the token as a cookie too, what a request of our own page says of itself."""
DOCS = Path(__file__).parents[2] / "streams" / "dashboard" / "README.md"


def filled(pen: MemoryPen | None = None) -> World:
    """A rollout of which everything is known."""
    world = World(pen=pen)
    one = world.apply()
    world.decide(one, Action.ADVANCE, 1000)
    for second in range(1, 4):
        world.decide(one, Action.HOLD, 1000, "min_time: so", second=second)
    world.beat(one)
    world.route(one, 1000)
    world.pane(one, 2, {("all", "baseline"): cell(90), ("all", ARM): cell(10)})
    world.progress(2)
    return world


@pytest.fixture
def world() -> World:
    """For a test that changes something."""
    return filled(MemoryPen())


@pytest.fixture
def opened(world: World) -> Iterator[httpx.Client]:
    with over_http(world) as browser:
        yield browser


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """For tests that only look."""
    with over_http(filled(MemoryPen())) as browser:
        yield browser


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


class TestAnswers:
    def test_a_rollout(self, client: httpx.Client) -> None:
        """In the list and in full the same line."""
        (line,) = get(client, f"{API}/rollouts")["items"]
        told = get(client, ONE)
        assert told["summary"] == line
        assert (line["state"], line["applied_pct"]) == ("running", {"baseline": 90.0, ARM: 10.0})
        assert (told["decision"], told["evidence"][0]["series"]) == (4, True)
        assert told["distributions"] == ["latency"]
        assert get(client, f"{ONE}/spec")["spec"]["rollout"] == "digits-v2"

    def test_over_time(self, client: httpx.Client) -> None:
        evidence = get(client, f"{ONE}/evidence", metric="errors", candidate=ARM)
        assert len(evidence["at_s"]) == len(evidence["limit"]) == 4
        assert evidence["unit"] == "ratio"
        traffic = get(client, f"{ONE}/traffic")
        assert (traffic["exposures"][ARM].count(10.0), traffic["bucket_s"]) == (1, 1)

    def test_values(self, client: httpx.Client) -> None:
        told = get(client, f"{ONE}/distributions", kind="latency", span="recent")
        assert [arm["count"] for arm in told["arms"]] == [90, 10]

    def test_one_decision(self, client: httpx.Client) -> None:
        told = get(client, f"{ONE}/decisions/1")
        assert (told["decision"]["seq"], told["evidence"][0]["metric"]) == (1, "errors")

    def test_a_log_that_is_being_read_says_so(self, opened: httpx.Client, world: World) -> None:
        world.log.why, world.panes_unread = "the log is being read", "panes are being read"
        reading = get(opened, f"{API}/session")["reading"]
        assert (reading["unread"], reading["panes_unread"]) == (
            *("the log is being read", "panes are being read"),
        )
        assert get(opened, ONE)["decision"] == 4
        unknown = opened.get(f"{API}/rollouts/another")
        assert (unknown.status_code, unknown.json()["code"]) == (503, "not_read")
        assert unknown.headers["retry-after"]

    def test_verdicts_are_answered_too(self, client: httpx.Client) -> None:
        told = get(client, "/v1/verdict", rollout="digits-v2", hash="v2", weight="10")
        assert (told["result"], told["code"]) == ("undecided", "min_time")

    def test_health_and_metrics(self, client: httpx.Client) -> None:
        assert client.get("/readyz").text == "ok\n"
        assert 'davy_dashboard_rollouts{of="records"} 1.0' in client.get("/metrics").text


class TestPages:
    def test_rollouts_those_that_live_first(self, opened: httpx.Client, world: World) -> None:
        for number in range(5):
            made = world.apply(spec(f"r{number}"), at_s=2_000_000_000 + number)
            if number < 2:
                world.decide(made, Action.ROLLBACK, 0)
        names: list[str] = []
        before = None
        while True:
            query = {"limit": 2} | ({"before": before} if before else {})
            page = get(opened, f"{API}/rollouts", **query)
            names += [item["rollout"] for item in page["items"]]
            before = page["next"]
            if before is None:
                break
        assert names == ["r4", "r3", "r2", "digits-v2", "r1", "r0"]
        assert page["total"] == 6

    @pytest.mark.parametrize(("path", "name"), [("decisions", "seq"), ("audit", "number")])
    def test_of_what_happened(self, client: httpx.Client, path: str, name: str) -> None:
        """Page by page is the same as all at once."""
        everything = [item[name] for item in get(client, f"{ONE}/{path}")["items"]]
        assert len(everything) > 2
        found: list[int] = []
        before: dict[str, int] = {}
        while True:
            page = get(client, f"{ONE}/{path}", limit=1, **before)
            found += [item[name] for item in page["items"]]
            if page["next"] is None:
                break
            before = {"before": page["next"]}
        assert found == everything

    def test_turns_alone(self, client: httpx.Client) -> None:
        told = get(client, f"{ONE}/decisions", turns=True)["items"]
        assert [item["seq"] for item in told] == [2, 1]


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "status", "code"),
        [
            ("/rollouts/another", 404, "unknown_rollout"),
            ("/rollouts/another/spec", 404, "unknown_rollout"),
            ("/rollouts?before=another", 404, "unknown_rollout"),
            ("/rollouts?limit=0", 422, "bad_request"),
            ("/rollouts/digits-v2/evidence", 422, "bad_request"),
            ("/rollouts/digits-v2/evidence?metric=p50", 404, "no_evidence"),
            ("/rollouts/digits-v2/traffic?segment=country%3DSG", 404, "unknown_segment"),
            ("/rollouts/digits-v2/distributions?kind=colours", 422, "bad_request"),
            ("/rollouts/digits-v2/decisions/99", 404, "unknown_decision"),
            ("/nothing", 404, "not_found"),
        ],
    )
    def test_say_what_where_and_what_to_do(
        self, client: httpx.Client, path: str, status: int, code: str
    ) -> None:
        answer = client.get(API + path)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (status, code)
        assert all(told[name] for name in ("reason", "where", "advice"))

    def test_a_method_that_there_is_not(self, client: httpx.Client) -> None:
        answer = client.delete(ONE)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


class TestEvents:
    def test_news_come_by_themselves(self, opened: httpx.Client, world: World) -> None:
        """First how far was read and every rollout, then what changes."""
        made = world.apply(spec("quiet"))
        with opened.stream("GET", f"{API}/events", params={"rollout": "quiet"}) as stream:
            lines = stream.iter_lines()
            session, first = event(lines), event(lines)
            assert (session[0], session[1]["unread"]) == ("session", "")
            assert (first[0], first[1]["rollout"], first[1]["parts"]) == (
                *("changed", "quiet", ["spec"]),
            )
            world.decide(world.apply(spec("loud")), Action.ADVANCE, 1000)
            world.decide(made, Action.ADVANCE, 1000)
            second = event(lines)
            assert (second[1]["rollout"], second[1]["parts"]) == ("quiet", ["decision"])
            assert second[1]["change"] > first[1]["change"]

    async def test_a_page_hears_that_the_connection_lives(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Even while nothing changes; and the stream ends with the server."""
        monkeypatch.setattr(events, "TICK_S", 0.0)
        stopping = threading.Event()
        stream = events.Listeners().stream(world.window, None, stopping)
        found: list[str] = []
        async for text in stream:
            found.append(text)
            if len(found) == 4:
                stopping.set()
        assert found[0] == "retry: 2000\n\n"
        assert [text.split("\n")[0] for text in found[1:]] == ["event: session"] * 3
        assert ["changed" in text for text in found[1:]] == [True, False, False]

    def test_so_many_listeners_and_no_more(self, client: httpx.Client) -> None:
        """The server has to answer controllers too."""
        limits = httpx.Limits(max_connections=MOST + 5)
        with httpx.Client(base_url=client.base_url, limits=limits, timeout=20) as crowd:
            listening = [crowd.stream("GET", f"{API}/events") for _ in range(MOST)]
            for each in listening:
                each.__enter__()
            refused = client.get(f"{API}/events")
            assert (refused.status_code, refused.json()["code"]) == (503, "too_many_listeners")
            for each in listening:
                each.__exit__(None, None, None)


def event(lines: Iterator[str]) -> tuple[str, dict[str, Any]]:
    """The next event: its name and its data."""
    name = next(line for line in lines if line.startswith("event: "))
    data = next(line for line in lines if line.startswith("data: "))
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


class TestBrowser:
    def test_nothing_inline_and_no_frames(self, client: httpx.Client) -> None:
        for path in (ONE, "/openapi.json", "/readyz", f"{API}/nothing"):
            policy = client.get(path).headers["content-security-policy"]
            told = dict(part.strip().split(" ", 1) for part in policy.split(";"))
            assert (told["default-src"], told["script-src"]) == ("'none'", "'self'")
            assert told["frame-ancestors"] == "'none'"
            assert "unsafe" not in policy

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "10.0.0.7", ""])
    def test_a_strange_name_is_not_answered_to(self, client: httpx.Client, host: str) -> None:
        """Where nobody is asked who he is, a name that leads here must not be of our origin."""
        refused = client.get(ONE, headers={"Host": host})
        assert (refused.status_code, refused.json()["code"]) == (421, "strange_host")
        assert client.get(ONE, headers={"Host": "localhost:1"}).status_code == 200

    def test_who_is_asked_may_come_under_any_name(self, world: World, tmp_path: Path) -> None:
        file = tmp_path / "passwords"
        file.write_text("ada:s3cret\n")
        with over_http(world, HttpSettings(basic_auth_file=file)) as client:
            elsewhere = {"Host": "davy.example"}
            answer = client.get(ONE, headers=elsewhere, auth=("ada", "s3cret"))
            assert answer.status_code == 200


class TestAccess:
    def test_nobody_learns_anything_without_a_password(self, world: World, tmp_path: Path) -> None:
        file = tmp_path / "passwords"
        file.write_text("ada:s3cret\n")
        with over_http(world, HttpSettings(basic_auth_file=file)) as client:
            for path in (
                ONE,
                f"{API}/session",
                f"{API}/events",
                "/",
                "/static/app.css",
                "/metrics",
            ):
                assert client.get(path).status_code == 401
            told = client.get(f"{API}/session", auth=("ada", "s3cret")).json()
            assert told["actor"] == "ada"

    def test_a_proxy_says_who_asks(self, world: World) -> None:
        proxy = TrustedProxy(header="X-User", addresses=("127.0.0.1",))
        with over_http(world, HttpSettings(trusted_proxy=proxy)) as client:
            told = client.get(f"{API}/session", headers={"X-User": "grâce".encode()})
            assert told.json()["actor"] == "grâce"


class TestDocuments:
    def test_the_readme_names_every_route(self) -> None:
        """And none that is not there; so does the list of models."""
        paths = make_app(World()).openapi()["paths"]
        there = {f"{method.upper()} {path}" for path, told in paths.items() for method in told}
        ours = {route for route in there if f" {API}/" in route}
        written = re.findall(r"^\| `((?:GET|POST) [^`?]+)", DOCS.read_text(), re.MULTILINE)
        assert set(written) == ours
        listed = re.findall(r"^\| `((?:GET|POST) [^`?]+)", models.__doc__ or "", re.MULTILINE)
        assert {each.replace(" ", f" {API}", 1) for each in listed} == ours


def documented(pen: MemoryPen) -> Any:
    """The app's own OpenAPI document; streams of events have no end, and are left out."""
    app = make_app(filled(pen))
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=LOCAL).exclude(
        path=f"{API}/events"
    )


@documented(MemoryPen()).parametrize()
@settings(max_examples=20, deadline=None)
def test_every_answer_is_as_it_is_documented(case: Any) -> None:
    """Whatever is asked: a documented status and form, and no failure of ours.

    Not that all that fits the schema gets an answer: there may be no such rollout.
    """
    case.call_and_validate(headers=LOCAL, excluded_checks=[positive_data_acceptance])


def test_every_command_of_our_own_page_is_answered_as_it_is_documented() -> None:
    """Past origin and token: what is written, what cannot be asked, a log that takes nothing."""
    pen = MemoryPen()
    asked = documented(pen)[COMMANDS]["POST"].as_strategy(path_parameters={"rollout": "digits-v2"})
    seen: set[int] = set()

    @given(case=asked, refusal=st.sampled_from([None, LogError("commands-0: it is away")]))
    @settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    def ask(case: Any, refusal: LogError | None) -> None:
        pen.refusal = refusal
        meant = [positive_data_acceptance, not_a_server_error]  # 503 is documented, 500 is not
        answer = case.call_and_validate(
            headers=OURS, cookies={COOKIE: TOKEN}, excluded_checks=meant
        )
        seen.add(answer.status_code)

    ask()
    assert seen >= {202, 409, 422, 503}
    assert {written.rollout for written, _ in pen.written} == {"digits-v2"}


def test_threads_that_read_and_one_that_writes() -> None:
    """Answers are of one moment: a rollout's own counts never disagree."""
    world = filled()
    stop = threading.Event()
    made = spec()

    def write() -> None:
        second = 10
        while not stop.is_set():
            world.decide(made, Action.HOLD, 1000, "min_time: so", second=second)
            world.pane(made, second, {("all", ARM): cell(1)})
            second += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with over_http(world) as client:
            for _ in range(20):
                told = get(client, f"{ONE}/decisions", limit=200)["items"]
                assert [item["seq"] for item in told] == sorted(
                    (item["seq"] for item in told), reverse=True
                )
                traffic = get(client, f"{ONE}/traffic")
                columns = [traffic["at_s"], *traffic["exposures"].values()]
                assert len({len(column) for column in columns}) == 1
    finally:
        stop.set()
        writer.join()
