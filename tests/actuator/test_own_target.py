"""What is of programs and services of others: answers of every kind, and none at all."""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from streams.actuator.ports import Desired, Fence, Router
from streams.actuator.routers import open_router
from streams.actuator.routers.options import OptionError
from streams.demo.processes import HOST, Parts, free_port, wait_until
from streams.errors import (
    RouterError,
    TargetConflict,
    TargetDenied,
    TargetNotFound,
    TargetRejected,
    TargetTransient,
)
from streams.spec.model import Target
from tests.actuator.targets import ARMS, OWN, split

FENCE = Fence(rollout="r1", seq=3, claim=7)
GOOD = {"weights_bp": split(0), "revision": 4, "fence": {"rollout": "r1", "seq": 3, "claim": 7}}
ANSWERS: list[tuple[Any, type[RouterError], str]] = [
    ({}, TargetTransient, "no JSON object"),
    ([1], TargetTransient, "no JSON object"),
    ("{", TargetTransient, "no JSON object"),
    ({"revision": 1}, TargetTransient, "no answer to davy's question .KeyError"),
    (GOOD | {"weights_bp": {"all": {"baseline": 10_000}}}, TargetTransient, "the arms are"),
    (GOOD | {"weights_bp": {"all": {"baseline": 1, "candidate": "x"}}}, TargetTransient, "x"),
    (GOOD | {"fence": 7}, TargetTransient, "no answer"),
    ({"error": "conflict", "message": "too late"}, TargetConflict, "too late"),
    ({"error": "denied"}, TargetDenied, "denied"),
    ({"error": "not_found", "message": "no digits"}, TargetNotFound, "no digits"),
    ({"error": "rejected", "message": "too fine"}, TargetRejected, "too fine"),
    ({"error": "transient", "message": "later"}, TargetTransient, "later"),
    ({"error": "odd"}, TargetTransient, "odd"),
]


def text_of(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer)


def put(router: Router, candidate_bp: int = 100) -> None:
    router.apply(Desired(weights_bp=split(candidate_bp)), expect=None, fence=FENCE)


class TestExec:
    def open(self, tmp_path: Path, code: str, **more: Any) -> Router:
        program = tmp_path / "program.py"
        program.write_text(code)
        options = {"command": [sys.executable, str(program), "a b", "$HOME"], "name": "digits"}
        return open_router(Target(router="exec", options=options | more), ARMS)

    @pytest.mark.parametrize(("answer", "error", "says"), ANSWERS)
    def test_answers(
        self, tmp_path: Path, answer: Any, error: type[RouterError], says: str
    ) -> None:
        """What is printed is the error that it names; what cannot be read is tried again."""
        router = self.open(tmp_path, f"print({text_of(answer)!r})")
        with pytest.raises(error, match=says):
            router.observe()

    def test_the_question(self, tmp_path: Path) -> None:
        """One object on stdin; arguments come as they are, no shell looks at them."""
        kept = tmp_path / "kept"
        words = "json.dumps([sys.argv[1:], sys.stdin.read()])"
        code = f"import json, sys; open({str(kept)!r}, 'w').write({words})"
        put(self.open(tmp_path, f"{code}; print({json.dumps(GOOD)!r})"))
        arguments, question = json.loads(kept.read_text())
        assert arguments == ["a b", "$HOME"]
        assert json.loads(question) == {
            "version": 1,
            "ask": "apply",
            "name": "digits",
            "arms": ["baseline", "candidate"],
            "weights_bp": split(100),
            "expect": None,
            "fence": {"rollout": "r1", "seq": 3, "claim": 7},
        }

    def test_a_failure_in_words(self, tmp_path: Path) -> None:
        """The last line of stderr is what is told."""
        code = "import sys; sys.stderr.write('one\\nthe proxy is away\\n'); sys.exit(4)"
        with pytest.raises(TargetTransient, match="exit code 4: the proxy is away"):
            self.open(tmp_path, code).observe()

    def test_a_refusal_that_ends_badly_too(self, tmp_path: Path) -> None:
        """An error that is printed counts, whatever the exit code."""
        code = 'import sys; print(\'{"error": "rejected"}\'); sys.exit(1)'
        with pytest.raises(TargetRejected):
            self.open(tmp_path, code).observe()

    def test_no_error_is_no_error(self, tmp_path: Path) -> None:
        """One that failed has failed, however good the weights are that it printed before."""
        code = f"import sys; print({json.dumps(GOOD | {'error': None})!r}); sys.exit(1)"
        with pytest.raises(TargetTransient, match="exit code 1"):
            put(self.open(tmp_path, code))

    def test_what_it_leaves_running(self, tmp_path: Path) -> None:
        """Ends with it, although it ended well and in time."""
        pid = tmp_path / "pid"
        code = (
            "import subprocess\n"
            "child = subprocess.Popen(['sleep', '600'])\n"
            f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
            f"print({json.dumps(GOOD)!r})"
        )
        put(self.open(tmp_path, code))
        wait_until(lambda: not alive(int(pid.read_text())), what="its end", deadline_s=10)

    def test_one_that_hangs(self, tmp_path: Path) -> None:
        """It ends, with all that it started, and holds nobody up."""
        pid = tmp_path / "pid"
        code = (
            "import subprocess, time\n"
            "child = subprocess.Popen(['sleep', '600'])\n"
            f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
            "time.sleep(600)"
        )
        began = time.monotonic()
        with pytest.raises(TargetTransient, match="not done within 8 s"):
            self.open(tmp_path, code, timeout_s=8).observe()
        assert time.monotonic() - began < 60
        wait_until(lambda: not alive(int(pid.read_text())), what="its end", deadline_s=10)

    @pytest.mark.parametrize(
        ("command", "error", "says"),
        [
            ("/nowhere/move", TargetNotFound, "no such program on the actuator's host"),
            (str(OWN), TargetDenied, "let davy run it"),
        ],
    )
    def test_no_program(self, command: str, error: type[RouterError], says: str) -> None:
        """What is there to start is said."""
        options = {"command": [command], "name": "digits"}
        with pytest.raises(error, match=says):
            open_router(Target(router="exec", options=options), ARMS).observe()

    def test_below_resolution(self, tmp_path: Path) -> None:
        """A program that says that it has whole percent is not asked for less."""
        router = self.open(tmp_path, f"print({json.dumps(GOOD)!r})", largest_weight=100)
        with pytest.raises(TargetRejected, match="below resolution"):
            put(router, 10)

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"command": "/bin/move prod"}, r"write `command: \[/usr/local/bin/move, prod\]`"),
            ({"command": []}, "as a list of texts"),
            ({"timeout_s": 0}, "a whole number of 1 to 60"),
            ({"largest_weight": True}, "cannot take True"),
            ({"shell": True}, "exec does not know shell"),
        ],
    )
    def test_options(self, options: dict[str, Any], says: str) -> None:
        """Refused where the spec is applied."""
        good = {"command": ["/bin/move"], "name": "digits"}
        with pytest.raises(OptionError, match=says):
            open_router(Target(router="exec", options=good | options), ARMS)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestFenceIsKept:
    @pytest.mark.parametrize(
        "fence",
        [
            None,
            {"rollout": "r1", "seq": 2, "claim": 7},
            {"rollout": "r1", "seq": 3, "claim": 0},
            {"rollout": "r2", "seq": 3, "claim": 7},
        ],
    )
    def test_one_that_keeps_no_fence(self, tmp_path: Path, fence: Any) -> None:
        """Without a fence a late writer could raise: told, and not believed."""
        program = tmp_path / "program.py"
        program.write_text(f"print({json.dumps(GOOD | {'fence': fence})!r})")
        options = {"command": [sys.executable, str(program)], "name": "digits"}
        with pytest.raises(TargetRejected, match="keep the fence"):
            put(open_router(Target(router="exec", options=options), ARMS))

    def test_a_claim_that_was_there_stays(self, tmp_path: Path) -> None:
        """Lowering needs none, and takes none back."""
        program = tmp_path / "program.py"
        program.write_text(f"print({json.dumps(GOOD)!r})")
        options = {"command": [sys.executable, str(program)], "name": "digits"}
        router = open_router(Target(router="exec", options=options), ARMS)
        unclaimed = Fence(rollout="r1", seq=3)
        assert router.sign(expect=None, fence=unclaimed) == "4"


Reply = Callable[[int], tuple[int, str]]


@contextmanager
def service(reply: Reply) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers its n-th call so; its URL and the headers of its calls."""
    calls: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            calls.append({name.lower(): value for name, value in self.headers.items()})
            status, text = reply(len(calls))
            if not status:  # the line is cut
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", calls
    finally:
        server.shutdown()
        server.server_close()


class TestWebhook:
    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        path = tmp_path / "secret"
        path.write_text("whsec_" + base64.b64encode(b"k" * 32).decode())
        path.chmod(0o600)
        return path

    def open(self, url: str, secret: Path, **more: Any) -> Router:
        options = {"url": url, "name": "digits", "secret_file": str(secret), "timeout_s": 20}
        return open_router(Target(router="webhook", options=options | more), ARMS)

    @pytest.mark.parametrize(("answer", "error", "says"), ANSWERS)
    def test_answers(self, secret: Path, answer: Any, error: type[RouterError], says: str) -> None:
        """As those of a program."""
        with (
            service(lambda _: (200, text_of(answer))) as (url, _calls),
            pytest.raises(error, match=says),
        ):
            self.open(url, secret).observe()

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (401, TargetDenied),
            (403, TargetDenied),
            (404, TargetNotFound),
            (409, TargetConflict),
            (412, TargetConflict),
            (422, TargetRejected),
            (400, TargetRejected),
            (429, TargetTransient),
            (500, TargetTransient),
            (503, TargetTransient),
            (204, TargetRejected),
            (302, TargetRejected),
        ],
    )
    def test_statuses(self, secret: Path, status: int, error: type[RouterError]) -> None:
        """Each says whether to try again, with the words of the answer where there are some."""
        words = "" if status == 204 else '{"message": "said so"}'
        with service(lambda _: (status, words)) as (url, calls):
            with pytest.raises(error, match=str(status)) as failure:
                self.open(url, secret).observe()
            assert len(calls) == 1
        assert status == 204 or "said so" in str(failure.value)

    def test_a_cut_line_is_tried_again(self, secret: Path) -> None:
        """With the same id, so that the receiver can tell."""
        with service(lambda n: (0, "") if n < 3 else (200, json.dumps(GOOD))) as (url, calls):
            assert self.open(url, secret).observe().fence == FENCE
            assert len(calls) == 3
            assert len({call["webhook-id"] for call in calls}) == 1

    def test_nobody_there(self, secret: Path) -> None:
        """Tried a few times, then told, with what to look at."""
        with pytest.raises(TargetTransient, match=r"no answer .*; does it run, and may"):
            self.open("http://127.0.0.1:1/", secret).observe()

    @pytest.mark.parametrize("status", [200, 302, 404, 500])
    def test_what_others_say_is_not_told(self, secret: Path, status: int) -> None:
        """Whatever is there: neither its page nor the token in the URL comes into messages."""
        with (
            service(lambda _: (status, "inner secrets")) as (url, _calls),
            pytest.raises(RouterError, match=str(status)) as failure,
        ):
            self.open(f"{url}?token=hunter2", secret).observe()
        assert not re.search("inner|hunter2", str(failure.value))

    def test_long_words_are_cut(self, secret: Path) -> None:
        """Messages are for people."""
        words = json.dumps({"error": "rejected", "message": "x" * 5000})
        with (
            service(lambda _: (200, words)) as (url, _calls),
            pytest.raises(TargetRejected) as failure,
        ):
            self.open(url, secret).observe()
        assert len(str(failure.value)) < 500

    def test_an_endless_answer(self, secret: Path) -> None:
        """Is not read to its end."""
        with (
            service(lambda _: (200, "x" * 3_000_000)) as (url, _calls),
            pytest.raises(TargetTransient, match="more than"),
        ):
            self.open(url, secret).observe()

    def test_a_secret_that_is_none(self, secret: Path) -> None:
        """It says how to make one; nothing is sent."""
        secret.write_text("hunter2")
        with service(lambda _: (200, json.dumps(GOOD))) as (url, calls):
            with pytest.raises(TargetDenied, match="openssl rand"):
                self.open(url, secret).observe()
            secret.unlink()
            with pytest.raises(TargetDenied, match="cannot be read"):
                self.open(url, secret).observe()
            assert calls == []

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"url": "traffic.example"}, "is no address"),
            ({"secret_file": None}, "webhook needs it, as text"),
            ({"secret": "x"}, "webhook does not know secret"),
            ({"timeout_s": 31}, "a whole number of 1 to 30"),
        ],
    )
    def test_options(self, options: dict[str, Any], says: str) -> None:
        """Refused where the spec is applied."""
        good = {"url": "http://a/", "name": "digits", "secret_file": "/s"}
        with pytest.raises(OptionError, match=says):
            open_router(Target(router="webhook", options=good | options), ARMS)


class TestSigned:
    def test_a_call_that_is_not_davys_is_refused(self, parts: Parts, tmp_path: Path) -> None:
        """The example's service takes calls of its own secret alone, and moves nothing else."""
        secret, port = tmp_path / "secret", free_port()
        ours = "whsec_" + base64.b64encode(b"o" * 32).decode()
        secret.write_text(ours)
        secret.chmod(0o600)
        command = [sys.executable, OWN / "traffic_service.py", str(port), tmp_path / "s", secret]
        parts.start("service", command).wait_for_port(port)
        options = {"url": f"http://{HOST}:{port}/", "name": "digits", "secret_file": str(secret)}
        router = open_router(Target(router="webhook", options=options), ARMS)
        put(router, 100)
        other = tmp_path / "other"
        other.write_text("whsec_" + base64.b64encode(b"x" * 32).decode())
        other.chmod(0o600)
        options["secret_file"] = str(other)
        stranger = open_router(Target(router="webhook", options=options), ARMS)
        with pytest.raises(TargetDenied, match="the signature is not davy's"):
            put(stranger, 9000)
        assert router.observe().weights_bp == split(100)
