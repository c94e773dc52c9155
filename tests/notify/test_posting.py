"""What hooks that post send, and what becomes of answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest

from streams.errors import HookAway, HookRefused, SettingsError
from streams.notify.hooks import open_hook, wanted_by
from streams.notify.hooks.slack import escaped
from streams.notify_settings import NotifySettings, Severity, Transition
from tests.notify.conftest import SECRET
from tests.notify.records import looked_on, notice, settled

README = Path(__file__).parents[2] / "streams" / "notify" / "README.md"


def opened(**options: Any) -> Any:
    return open_hook("ops", hook(**options))


def hook(**options: Any) -> Any:
    return NotifySettings.model_validate({"hooks": {"ops": options}}).hooks["ops"]


class TestWebhook:
    def test_the_signature_covers_id_time_and_body(self, receive):
        """Reckoned here once more, as Standard Webhooks says."""
        to = receive()
        opened(kind="webhook", url=f"{to.url}/davy", secret="env:HOOK_SECRET").tell(notice())
        [call] = to.calls
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode()
        code = hmac.new(key, signed + call.raw, hashlib.sha256).digest()
        assert call.headers["webhook-signature"] == f"v1,{base64.b64encode(code).decode()}"
        assert (call.path, call.headers["webhook-id"]) == ("/davy", "d7-promoted")

    def test_the_readme_verifies_it(self, receive):
        """The function that the README gives takes what is sent, and nothing that was changed."""
        to = receive()
        opened(kind="webhook", url=to.url, secret="env:HOOK_SECRET").tell(notice())
        [call] = to.calls
        names: dict[str, Any] = {}
        [code] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
        exec(code, names)
        now = int(call.headers["webhook-timestamp"])
        verified = names["verified"]
        assert verified(SECRET, call.headers, call.raw, now)
        assert not verified(SECRET, call.headers, call.raw + b" ", now)
        assert not verified(SECRET, {**call.headers, "webhook-id": "other"}, call.raw, now)
        assert not verified(SECRET, call.headers, call.raw, now + 600)
        assert not verified("whsec_" + "A" * 32, call.headers, call.raw, now)

    def test_what_it_says(self, receive):
        """The whole notice."""
        to = receive()
        options = {"url": to.url, "secret": "env:HOOK_SECRET", "token": "env:HOOK_TOKEN"}
        opened(kind="webhook", **options).tell(notice())
        [call] = to.calls
        assert call.headers["authorization"] == "Bearer a-token"
        assert call.body["type"] == "davy.rollout.promoted"
        assert call.body["timestamp"] == "2023-11-14T22:13:20.123Z"
        data = call.body["data"]
        assert (data["winner"], data["decision_id"], data["severity"]) == ("2", "d7", "info")
        assert data["weights_bp"] == {"all": {"baseline": 0, "candidate": 10_000}}

    @pytest.mark.parametrize("status", [500, 503, 429, 408])
    def test_not_now(self, receive, status):
        """What may be taken later is tried again, when the receiver says."""
        to = receive(lambda _: (status, {"Retry-After": "7"}))
        with pytest.raises(HookAway, match=f"answered {status}: this is {status}") as failure:
            opened(kind="webhook", url=to.url, secret="env:HOOK_SECRET").tell(notice())
        assert failure.value.after_s == 7

    @pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
    def test_never(self, receive, status):
        """Anything else is refused; a redirect too, for it would take the notice elsewhere."""
        to = receive(lambda _: (status, {"Location": "/elsewhere"}))
        with pytest.raises(HookRefused, match=f"answered {status}"):
            opened(kind="webhook", url=to.url, secret="env:HOOK_SECRET").tell(notice())
        assert len(to.calls) == 1

    def test_nobody_there(self):
        """A port where nobody listens, and the message names the host."""
        away = opened(kind="webhook", url="http://127.0.0.1:9/x", secret="env:HOOK_SECRET")
        with pytest.raises(HookAway, match=r"127\.0\.0\.1:9: ConnectError"):
            away.tell(notice())

    def test_nobody_answers(self, receive):
        """A try ends after `timeout_s`."""
        to = receive()
        to.gate.clear()
        slow = opened(kind="webhook", url=to.url, secret="env:HOOK_SECRET", timeout_s=0.2)
        with pytest.raises(HookAway, match="ReadTimeout"):
            slow.tell(notice())


class TestSecrets:
    def test_a_bad_key_is_named_and_not_shown(self, monkeypatch):
        monkeypatch.setenv("HOOK_SECRET", "hunter2")
        with pytest.raises(SettingsError, match=r"notify\.hooks\.ops\.secret") as failure:
            opened(kind="webhook", url="http://a/", secret="env:HOOK_SECRET")
        assert "hunter2" not in str(failure.value)

    def test_a_missing_one_is_named(self):
        with pytest.raises(SettingsError, match="the environment has no NOT_THERE"):
            opened(kind="slack", url="env:NOT_THERE")

    def test_a_url_that_is_a_secret_is_never_told(self, tmp_path):
        """Slack's and Teams' URLs are passwords."""
        file = tmp_path / "url"
        file.write_text("http://127.0.0.1:9/services/T0/B0/hush\n")
        file.chmod(0o600)
        for kind in ("slack", "teams"):
            with pytest.raises(HookAway) as failure:
                opened(kind=kind, url=f"file:{file}").tell(notice())
            assert "hush" not in str(failure.value)


class TestChats:
    def test_slack(self, receive, monkeypatch):
        """Blocks that Slack takes, and nothing in them is markup."""
        to = receive()
        monkeypatch.setenv("SLACK", f"{to.url}/services/x")
        told = notice(Transition.HELD, sentence="<!channel> look & see", actor="ada")
        opened(kind="slack", url="env:SLACK").tell(told)
        [call] = to.calls
        kinds = [block["type"] for block in call.body["blocks"]]
        assert kinds == ["header", "section", "section", "context"]
        assert call.body["blocks"][1]["text"]["text"] == "&lt;!channel&gt; look &amp; see"
        assert call.body["text"].endswith("digits-v2: held")
        assert len(call.body["blocks"][2]["fields"]) <= 10
        assert "<" not in escaped("<a>")

    def test_teams(self, receive, monkeypatch):
        """A message with one Adaptive Card, and nothing in it is Markdown."""
        to = receive()
        monkeypatch.setenv("TEAMS", f"{to.url}/workflows/x")
        opened(kind="teams", url="env:TEAMS").tell(notice(sentence="[x](http://evil)"))
        [attachment] = to.calls[0].body["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        card = attachment["content"]
        assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
        assert card["body"][1]["text"] == r"\[x\](http://evil)"
        facts = {fact["title"]: fact["value"] for fact in card["body"][2]["facts"]}
        assert facts["share"] == "candidate 100%"


class TestTrigger:
    def test_the_usual_body(self, receive):
        """Which version won, and a key to start no pipeline twice by."""
        to = receive()
        trigger = opened(kind="trigger", url=f"{to.url}/runs", token="env:HOOK_TOKEN")
        trigger.tell(settled())
        trigger.tell(settled(0))
        trigger.tell(notice(Transition.HELD))
        promoted, back, held = to.calls
        assert promoted.headers["idempotency-key"] == "d7-settled"
        assert promoted.body["model_version"] == back.body["model_version"] == "2"
        events = [call.body["event"] for call in (promoted, back, held)]
        assert events == ["promoted", "rolled_back", "held"]

    def test_a_body_of_ones_own(self, receive):
        """Texts are templates, anything else stays; a quote in a sentence stays JSON."""
        to = receive()
        body = {"ref": "main", "inputs": {"model": "{{ service }}:{{ winner }}", "n": 3}}
        body["why"] = "{{ sentence }}"
        opened(kind="trigger", url=to.url, body=body).tell(notice(sentence='say "x"'))
        assert to.calls[0].body == {
            "ref": "main",
            "inputs": {"model": "digits:2", "n": 3},
            "why": 'say "x"',
        }

    @pytest.mark.parametrize("text", ["{{ winer }}", "{{ winner", "{{ ''.__class__.__mro__ }}"])
    def test_a_template_that_fails_is_told_at_the_start(self, text):
        with pytest.raises(SettingsError, match=r"notify\.hooks\.ops\.body"):
            opened(kind="trigger", url="http://a/", body={"x": [text]})


class TestFilters:
    @pytest.mark.parametrize(
        ("options", "wanted"),
        [
            ({}, {"started", "held", "recovered", "target_refused"}),
            ({"least": "warning"}, {"held", "recovered", "target_refused"}),
            ({"least": "critical"}, {"target_refused"}),
            ({"transitions": ["started"]}, {"started"}),
            ({"services": ["other"]}, set()),
            ({"services": ["digits"], "transitions": ["held"]}, {"held"}),
        ],
    )
    def test_what_is_told(self, options, wanted):
        """By severity, by transition, by service; what is over matters as what began it."""
        wants = wanted_by(hook(kind="slack", url="env:X", **options))
        asked = [
            notice(Transition.STARTED),
            notice(Transition.HELD),
            notice(Transition.RECOVERED, ended=Transition.HELD),
            notice(Transition.TARGET_REFUSED),
        ]
        assert {str(n.transition) for n in asked if wants(n)} == wanted

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"kind": "trigger", "url": "http://a/"}, {"settled"}),
            ({"kind": "mlflow", "tracking_uri": "/x"}, {"promoted", "rolled_back", "settled"}),
            ({"kind": "wandb"}, {"promoted", "rolled_back"}),
        ],
        ids=["trigger", "mlflow", "wandb"],  # a set's text has another order in each process
    )
    def test_registries_hear_of_ends_alone(self, options, expected):
        """Who acts on an end hears of it when it has come true."""
        wants = wanted_by(hook(**options))
        asked = [notice(transition) for transition in Transition]
        assert {str(n.transition) for n in asked if wants(n)} == expected
        assert notice(Transition.HELD).severity is Severity.WARNING

    @pytest.mark.parametrize(
        ("chosen", "promoted", "back"),
        [
            ({"transitions": ["rolled_back"]}, False, True),
            ({"transitions": ["promoted"]}, True, False),
            ({"transitions": ["settled"]}, True, True),
            ({"least": "warning"}, False, True),
        ],
        ids=str,
    )
    def test_an_end_that_came_true_goes_by_its_name(self, chosen, promoted, back):
        """Training begins after a rollback, and not because one was decided."""
        wants = wanted_by(hook(kind="trigger", url="http://a/", **chosen))
        assert (wants(settled()), wants(settled(0))) == (promoted, back)
        assert not wants(notice(Transition.PROMOTED))
        assert not wants(notice(Transition.ROLLED_BACK))

    def test_where_somebody_else_moves_the_traffic(self):
        """There davy hears no more than what it decided."""
        wants = wanted_by(hook(kind="trigger", url="http://a/"))
        asked = [notice(transition, subject=looked_on()) for transition in Transition]
        assert {str(n.transition) for n in asked if wants(n)} == {"promoted", "rolled_back"}

    def test_the_same_notice_gives_the_same_bytes(self, receive):
        to = receive()
        told = opened(kind="webhook", url=to.url, secret="env:HOOK_SECRET")
        told.tell(notice())
        told.tell(notice())
        assert to.calls[0].raw == to.calls[1].raw
        assert json.loads(to.calls[0].raw)
