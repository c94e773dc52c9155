"""What AWS says when it does not do what is asked, and how often it is asked again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.stub import Stubber

from streams.actuator.ports import Desired, Fence, Router
from streams.actuator.routers import open_router
from streams.actuator.routers.aws.client import Client
from streams.errors import (
    RouterError,
    TargetConflict,
    TargetDenied,
    TargetNotFound,
    TargetRejected,
    TargetTransient,
)
from streams.spec.model import Target
from tests.actuator.aws.balancer import alb
from tests.actuator.aws.cloud import ARMS, Cloud
from tests.actuator.aws.lattice_double import lattice
from tests.actuator.aws.mesh import app_mesh
from tests.actuator.aws.slow_endpoint import endpoint
from tests.actuator.aws.wires import hooked
from tests.actuator.targets import split

FENCE = Fence(rollout="r1", seq=1)
DESIRED = Desired(weights_bp=split(2500))
MAKERS: dict[str, Callable[..., AbstractContextManager[Cloud]]] = {
    "alb": partial(alb, by_rule=True),
    "lattice": partial(lattice, by_rule=False),
    "sagemaker": endpoint,
    "appmesh": app_mesh,
}


def opened(cloud: Cloud) -> Router:
    return open_router(Target(router=cloud.router, options=cloud.options), ARMS)


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> tuple[Client, Stubber]:
    """A client of VPC Lattice that answers what it is told."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    client = Client("vpc-lattice", "eu-west-1", where="lattice here")
    return client, Stubber(client._client(3))


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code", "message", "expected"),
        [
            (429, "ThrottlingException", "slow down", TargetTransient),
            (400, "Throttling", "Rate exceeded", TargetTransient),
            (429, "TooManyRequestsException", "", TargetTransient),
            (400, "RequestLimitExceeded", "", TargetTransient),
            (500, "InternalServerException", "", TargetTransient),
            (503, "ServiceUnavailable", "", TargetTransient),
            (502, "Unheard", "", TargetTransient),
            (403, "AccessDeniedException", "not authorized", TargetDenied),
            (403, "AccessDenied", "not authorized", TargetDenied),
            (400, "ExpiredTokenException", "", TargetDenied),
            (400, "UnrecognizedClientException", "", TargetDenied),
            (403, "Unheard", "", TargetDenied),
            (404, "ResourceNotFoundException", "", TargetNotFound),
            (400, "RuleNotFound", "", TargetNotFound),
            (400, "ValidationException", 'Could not find endpoint "arn"', TargetNotFound),
            (400, "ValidationException", "Cannot update in-progress endpoint", TargetTransient),
            (409, "ConflictException", "", TargetConflict),
            (409, "Unheard", "", TargetConflict),
            (400, "ValidationException", "weight", TargetRejected),
            (400, "LimitExceededException", "", TargetRejected),
        ],
    )
    def test_table(
        self,
        stubbed: tuple[Client, Stubber],
        status: int,
        code: str,
        message: str,
        expected: type[RouterError],
    ) -> None:
        """Code first, then status; what was asked of whom is told."""
        client, stub = stubbed
        stub.add_client_error("get_rule", code, message, http_status_code=status)
        names = ("serviceIdentifier", "listenerIdentifier", "ruleIdentifier")
        with stub, pytest.raises(RouterError, match=f"lattice here: GetRule: {code}") as told:
            client.call("GetRule", {n: f"{n:0>21}" for n in names}, changes=False)
        assert type(told.value) is expected

    def test_what_botocore_itself_refuses(self, stubbed: tuple[Client, Stubber]) -> None:
        """Parameters that are no parameters are not tried again."""
        with pytest.raises(TargetRejected, match="Missing required parameter"):
            stubbed[0].call("GetRule", {}, changes=False)

    @pytest.mark.parametrize("name", MAKERS)
    def test_a_resource_that_is_not_there(self, name: str) -> None:
        """Every service says it in its own way."""
        with MAKERS[name]() as cloud:
            options = {
                key: value.replace("digits", "letters").replace("cdef0", "cdef1")
                if isinstance(value, str)
                else value
                for key, value in cloud.options.items()
            }
            router = open_router(Target(router=cloud.router, options=options), ARMS)
            with pytest.raises(TargetNotFound):
                router.observe()


class Line:
    """The line to AWS: fails as often as told, and counts who is sent how often."""

    def __init__(self, fault: Callable[[Any], AWSResponse | None], operation: str) -> None:
        self._fault, self._operation, self.sent = fault, operation, 0

    def __call__(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        if not event_name.endswith(f".{self._operation}"):
            return None
        self.sent += 1
        return self._fault(request)


def unavailable(request: Any) -> AWSResponse:
    class Raw:
        def stream(self) -> list[bytes]:
            return [b"<html>bad gateway</html>"]

    return AWSResponse(request.url, 503, {}, Raw())


def silent(request: Any) -> None:
    raise ReadTimeoutError(endpoint_url=request.url)


def cut(request: Any) -> None:
    raise ConnectionClosedError(endpoint_url=request.url)


@pytest.mark.parametrize("fault", [unavailable, silent, cut])
class TestTries:
    def test_a_look_is_tried_three_times(self, fault: Any) -> None:
        """Then the loop says when to look again."""
        line = Line(fault, "DescribeRules")
        with (
            hooked("before-send", line),
            alb(by_rule=True) as cloud,
            pytest.raises(TargetTransient, match="DescribeRules"),
        ):
            opened(cloud).observe()
        assert line.sent == 3

    def test_a_write_goes_out_once(self, fault: Any) -> None:
        """It may have arrived: only another look tells, so botocore must not send it again."""
        line = Line(fault, "ModifyRule")
        with (
            hooked("before-send", line),
            alb(by_rule=True) as cloud,
            pytest.raises(TargetTransient, match="ModifyRule"),
        ):
            opened(cloud).apply(DESIRED, expect=None, fence=FENCE)
        assert line.sent == 1


class TestOnTheWay:
    def test_without_credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is told, and they are looked for again: they may come."""
        with alb(by_rule=True) as cloud:
            monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
            monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
            router = opened(cloud)
            with monkeypatch.context() as without:
                without.delenv("AWS_ACCESS_KEY_ID")
                without.delenv("AWS_SECRET_ACCESS_KEY")
                without.delenv("AWS_SESSION_TOKEN", raising=False)
                with pytest.raises(TargetDenied, match="give davy a role or keys"):
                    router.observe()
            assert router.observe().weights_bp == split(0)

    def test_without_a_region(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where neither the option nor boto3's settings name one."""
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
        with endpoint() as cloud:
            monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
            options = {name: v for name, v in cloud.options.items() if name != "region"}
            router = open_router(Target(router="sagemaker", options=options), ARMS)
            with pytest.raises(TargetRejected, match="Write `region: eu-west-1`"):
                router.observe()

    @pytest.mark.parametrize("name", MAKERS)
    def test_without_boto3(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The answer is the line that installs it, when the spec is checked."""
        with MAKERS[name]() as cloud:
            monkeypatch.setitem(sys.modules, "boto3", None)
            with pytest.raises(TargetNotFound, match=r"boto3 is not installed; run.*\[aws\]"):
                opened(cloud)

    @pytest.mark.parametrize("name", MAKERS)
    def test_opening_touches_nothing(self, name: str) -> None:
        """Neither network nor credentials: a spec is checked on anybody's machine."""
        with MAKERS[name]() as cloud:
            opened(cloud)
            assert cloud.calls == []
