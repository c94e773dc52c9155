"""What a refusal of an API server means: the table that decides what is tried again."""

import pytest

from streams.actuator.routers.kube.answers import Answer, refusal
from streams.errors import (
    RouterError,
    TargetConflict,
    TargetDenied,
    TargetNotFound,
    TargetRejected,
    TargetTransient,
)

GUARD = {"message": "the server rejected our request due to an error in our request"}
INVALID = {
    "message": "HTTPRoute is invalid",
    "details": {"causes": [{"field": "spec.rules[0].weight", "message": "at most 1000000"}]},
}
WEBHOOK = {"message": 'admission webhook "x" denied the request: no'}


class TestRefusal:
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (400, {}, TargetRejected),
            (401, {}, TargetDenied),
            (403, {}, TargetDenied),
            (404, {}, TargetNotFound),
            (408, {}, TargetTransient),
            (409, {}, TargetConflict),
            (410, {}, TargetNotFound),
            (413, {}, TargetRejected),
            (422, GUARD, TargetConflict),
            (422, INVALID, TargetRejected),
            (422, WEBHOOK, TargetRejected),
            (429, {}, TargetTransient),
            (500, {}, TargetTransient),
            (503, {}, TargetTransient),
            (302, {}, TargetTransient),
        ],
    )
    def test_every_status_has_one_meaning(
        self, status: int, body: object, kind: type[RouterError]
    ) -> None:
        assert type(refusal("patch HTTPRoute a/b", Answer.parse(status, {}, body))) is kind

    def test_a_field_is_named(self) -> None:
        """What a validation found can be acted on."""
        said = str(refusal("patch HTTPRoute a/b", Answer.parse(422, {}, INVALID)))
        assert "spec.rules[0].weight: at most 1000000" in said
        assert said.startswith("patch HTTPRoute a/b: 422")


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "body", "seconds"),
        [
            ({"retry-after": "7"}, {}, 7.0),
            ({}, {"details": {"retryAfterSeconds": 3}}, 3.0),
            ({"retry-after": "-7"}, {}, 0.0),
            ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}, 0.0),
            ({}, {}, 0.0),
        ],
    )
    def test_is_passed_on(self, headers: dict[str, str], body: object, seconds: float) -> None:
        """The server's word reaches whoever tries again."""
        error = refusal("get", Answer.parse(429, headers, body))
        assert isinstance(error, TargetTransient)
        assert error.retry_after_s == seconds

    @pytest.mark.parametrize(
        "body", [None, [], "no", 7, {"details": "x"}, {"details": {"causes": 1}}]
    )
    def test_a_body_that_is_no_status_does_no_harm(self, body: object) -> None:
        """Proxies in between answer in words of their own."""
        assert isinstance(refusal("get", Answer.parse(502, {}, body)), TargetTransient)
