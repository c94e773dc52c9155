"""How is traffic moved at a SageMaker endpoint? Weights of its production variants.

A change takes minutes, in which the endpoint is `Updating` and takes no other: a rollback waits for
the change under way, too. Instance counts are never sent, so autoscaling goes on undisturbed.
Source: Amazon SageMaker API reference: UpdateEndpointWeightsAndCapacities, DescribeEndpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Arms, Capabilities, FenceKind
from streams.actuator.routers import options as read
from streams.actuator.routers.aws import reading
from streams.actuator.routers.aws.calls import Service, check_installed
from streams.actuator.routers.aws.router import AwsRouter
from streams.actuator.routers.aws.split import Look, shares
from streams.actuator.routers.declared import declared
from streams.actuator.routers.foreign import understood
from streams.actuator.weights import higher_of
from streams.errors import TargetRejected
from streams.spec.model import ALL_SEGMENT, FULL_BP

OPTIONS = ("endpoint", "variants", "region", "fence_file")
IN_SERVICE = "InService"
FAILED = ("Failed", "UpdateRollbackFailed")
ADVICE = "davy knows endpoints whose production variants have weights (no inference components)"

CAN = Capabilities(
    largest_weight=FULL_BP,
    fence=FenceKind.ADVISORY,
    survives_restart=True,
    settles_s=900.0,
    ask_every_s=5.0,
)


class SageMakerSplit:
    """See Split; every arm is a variant, its weight in basis points: exact in 32 bits."""

    def __init__(self, service: Service, endpoint: str, variants: Mapping[str, str]) -> None:
        self._service, self._endpoint, self._variants = service, endpoint, variants

    def look(self) -> Look:
        """See Split; while a change is under way the share is the larger of old and new."""
        found = self._service.look("DescribeEndpoint", {"EndpointName": self._endpoint})
        status, where = found["EndpointStatus"], f"endpoint {self._endpoint}"
        with understood(where, "variants with weights", error=TargetRejected, advice=ADVICE):
            now = self._shares(found, "CurrentWeight")
            later = now if status == IN_SERVICE else self._shares(found, "DesiredWeight")
            asked = {v["VariantName"]: v["DesiredWeight"] for v in found["ProductionVariants"]}
        busy = "" if status == IN_SERVICE else f"{where} is {status}: it takes weights InService"
        return Look(
            arn=found["EndpointArn"],
            shares_bp=higher_of({ALL_SEGMENT: now}, {ALL_SEGMENT: later})[ALL_SEGMENT],
            setting=json.dumps([found["EndpointConfigName"], asked], sort_keys=True),
            document=found,
            how="DescribeEndpoint",
            busy=busy,
            failed=found.get("FailureReason", status) if status in FAILED else "",
        )

    def _shares(self, found: Mapping[str, Any], which: str) -> Arms:
        weights = [(each["VariantName"], each[which]) for each in found["ProductionVariants"]]
        where = f"endpoint {self._endpoint}"
        return shares(weights, self._variants, where=where, what="production variant")

    def unready(self, look: Look) -> tuple[str, ...]:
        """See Split; a variant needs an instance, or to be serverless, and no change under way."""
        ready = {v["VariantName"] for v in look.document["ProductionVariants"] if _is_ready(v)}
        return tuple(arm for arm, name in self._variants.items() if name not in ready)

    def write(self, look: Look, weights: Mapping[str, int]) -> None:  # noqa: ARG002 - weights alone
        """See Split."""
        asked = [
            {"VariantName": name, "DesiredWeight": float(weights[arm])}
            for arm, name in self._variants.items()
        ]
        parameters = {"EndpointName": self._endpoint, "DesiredWeightsAndCapacities": asked}
        self._service.write("UpdateEndpointWeightsAndCapacities", parameters)

    def tags(self, arn: str) -> Mapping[str, str]:
        """See Split."""
        answer = self._service.look("ListTags", {"ResourceArn": arn})
        found = list(answer["Tags"])
        while following := answer.get("NextToken"):
            parameters = {"ResourceArn": arn, "NextToken": following}
            answer = self._service.look("ListTags", parameters)
            found += answer["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def tag(self, arn: str, key: str, value: str) -> None:
        """See Split."""
        parameters = {"ResourceArn": arn, "Tags": [{"Key": key, "Value": value}]}
        self._service.write("AddTags", parameters)


def _is_ready(variant: Mapping[str, Any]) -> bool:
    serves = variant.get("CurrentInstanceCount") or variant.get("CurrentServerlessConfig")
    return bool(serves) and not variant.get("VariantStatus")


@declared(
    *reading.abouts(
        "SageMaker: weights of an endpoint's production variants", CAN, "moto, own checks"
    )
)
def open_sagemaker(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - one split for all requests to the endpoint
) -> AwsRouter:
    """The router for these options.

    `endpoint`; `variants`: arm -> production variant; `region`: where boto3's own settings name
    none; `fence_file`: keep the fence in this file, not in a tag.
    """
    read.check_names(options, known=OPTIONS, router="sagemaker")
    check_installed("sagemaker")
    endpoint = read.text(options, "endpoint", router="sagemaker", example="digits")
    variants = read.per_arm(options, "variants", arms, router="sagemaker")
    region = read.optional_text(options, "region", router="sagemaker", example="eu-west-1")
    service = Service("sagemaker", region=region, where=f"sagemaker {endpoint}")
    split = SageMakerSplit(service, endpoint, variants)
    fences = reading.fences(options, split, router="sagemaker")
    return AwsRouter(split, fences, reading.kept_in(CAN, fences.kind), arms)
