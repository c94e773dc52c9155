"""A SageMaker endpoint as moto plays it, with what moto leaves out: time, and counts that stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto import mock_aws

from streams.actuator.ports import Segments
from tests.actuator.aws.cloud import NAMES, REGION, Cloud, client, watched
from tests.actuator.aws.wires import Answer, Call, Listener, error, hooked


class SlowEndpoint:
    """What an endpoint does and moto's does not: it takes its time, and keeps counts not told."""

    def __init__(self, sagemaker: Any, looks: int) -> None:
        self._sagemaker, self.looks = sagemaker, looks
        """How many looks a change takes."""
        self._left = 0
        self._before: dict[str, float] = {}

    def check(self, call: Call) -> Answer | None:
        """Refuse a change while one is under way."""
        if call.operation != "UpdateEndpointWeightsAndCapacities":
            return None
        if self._left:
            return error(400, "ValidationException", 'Cannot update in-progress endpoint "digits".')
        if any(asked.get("DesiredWeight", 0) < 0 for asked in _asked(call)):
            return error(400, "ValidationException", "negative weight")
        self._before = {each["VariantName"]: each["CurrentWeight"] for each in self._variants()}
        self._left = self.looks
        return None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the endpoint be so, for sessions made meanwhile."""
        name = "sagemaker.UpdateEndpointWeightsAndCapacities"
        with (
            hooked(f"before-parameter-build.{name}", self._keep_counts),
            hooked("after-call.sagemaker.DescribeEndpoint", self._tell),
        ):
            yield

    def _keep_counts(self, params: dict[str, Any], **_: Any) -> None:
        """moto forgets counts that are not told; AWS keeps them."""
        counts = {each["VariantName"]: each["CurrentInstanceCount"] for each in self._variants()}
        for asked in params["DesiredWeightsAndCapacities"]:
            asked.setdefault("DesiredInstanceCount", counts[asked["VariantName"]])

    def _variants(self) -> list[dict[str, Any]]:
        found = self._sagemaker.describe_endpoint(EndpointName="digits")["ProductionVariants"]
        return list(found)

    def _tell(self, parsed: dict[str, Any], **_: Any) -> None:
        if not self._left or "ProductionVariants" not in parsed:
            return
        self._left -= 1
        parsed["EndpointStatus"] = "Updating"
        for variant in parsed["ProductionVariants"]:
            variant["CurrentWeight"] = self._before[variant["VariantName"]]


def _asked(call: Call) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = call.parameters["DesiredWeightsAndCapacities"]
    return asked


@contextmanager
def endpoint(before: Listener | None = None, *, looks: int = 2) -> Iterator[Cloud]:
    """Two production variants, of two instances and of one; a change takes so many looks."""
    with mock_aws():
        cloud = _endpoint()
        slow = SlowEndpoint(cloud.aws, looks)
        with slow.running(), watched(cloud, slow.check, before=before):
            yield cloud


def _endpoint() -> Cloud:
    sagemaker = client("sagemaker")
    sagemaker.create_model(
        ModelName="digits",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/digits",
        PrimaryContainer={"Image": "digits:1"},
    )
    variants = [
        {
            "VariantName": name,
            "ModelName": "digits",
            "InstanceType": "ml.t2.medium",
            "InitialInstanceCount": count,
            "InitialVariantWeight": 1.0,
        }
        for name, count in (("v1", 2), ("v2", 1))
    ]
    sagemaker.create_endpoint_config(EndpointConfigName="digits", ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName="digits", EndpointConfigName="digits")

    def interfere(weights: Segments) -> None:
        asked = [
            {
                "VariantName": NAMES[arm],
                "DesiredWeight": share / 10_000,
                "DesiredInstanceCount": 2 if arm == "baseline" else 1,
            }
            for arm, share in weights["all"].items()
        ]
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="digits", DesiredWeightsAndCapacities=asked
        )

    interfere({"all": {"baseline": 10_000, "candidate": 0}})
    options = {"endpoint": "digits", "variants": NAMES, "region": REGION}
    return Cloud(router="sagemaker", options=options, interfere=interfere, aws=sagemaker)
