"""The fence at AWS: what a tag stops, what it does not, and the file in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams.actuator.ports import Desired, Fence, FenceKind, Router
from streams.actuator.routers import open_router
from streams.actuator.routers.aws.alb import CAN, AlbSplit
from streams.actuator.routers.aws.calls import Service
from streams.actuator.routers.aws.fences import TagFences
from streams.actuator.routers.aws.router import AwsRouter
from streams.errors import TargetConflict, TargetDenied
from streams.spec.model import Target
from tests.actuator.aws.balancer import alb
from tests.actuator.aws.cloud import ARMS, Cloud
from tests.actuator.aws.wires import Answer, Call, error
from tests.actuator.targets import split

OLD = Fence(rollout="r1", seq=1, claim=5)
NEW = Fence(rollout="r1", seq=2, claim=9)


def open_cloud(cloud: Cloud, **more: Any) -> Router:
    return open_router(Target(router=cloud.router, options=cloud.options | more), ARMS)


def raise_to(router: Router, share: int, fence: Fence, expect: str | None = None) -> None:
    router.apply(Desired(weights_bp=split(share)), expect=expect, fence=fence)


def tagged(cloud: Cloud) -> str:
    """The fence on the rule, looked at by others."""
    (found,) = cloud.aws.describe_tags(ResourceArns=[cloud.options["rule"]])["TagDescriptions"]
    return next(tag["Value"] for tag in found["Tags"] if tag["Key"] == "davy-fence")


@dataclass
class Meanwhile:
    """Does something once, just before or instead of a call of davy's."""

    operation: str
    act: Callable[[], Answer | None] = field(default=lambda: None)
    armed: bool = False

    def __call__(self, call: Call) -> Answer | None:
        if not self.armed or call.operation != self.operation:
            return None
        self.armed = False
        return self.act()


class TestTag:
    def test_is_left_on_the_resource_and_nothing_else(self) -> None:
        """Other tags stay; the capability says that the fence is advisory."""
        with alb(by_rule=True) as cloud:
            arn = cloud.options["rule"]
            cloud.aws.add_tags(ResourceArns=[arn], Tags=[{"Key": "team", "Value": "digits"}])
            router = open_cloud(cloud)
            raise_to(router, 2500, NEW)
            (found,) = cloud.aws.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == {
            "team": "digits",
            "davy-fence": "davy:2.9:r1",
        }
        assert router.capabilities.fence is FenceKind.ADVISORY

    def test_comes_before_the_weights(self) -> None:
        """So that a writer who looks in between stops; written again it needs no second tag."""
        with alb(by_rule=True) as cloud:
            router = open_cloud(cloud)
            raise_to(router, 2500, NEW)
            raise_to(router, 100, NEW)
            changes = [c.operation for c in cloud.calls if not c.operation.startswith("Describe")]
        assert changes == ["AddTags", "ModifyRule", "ModifyRule"]

    def test_a_strangers_change_meanwhile_is_kept(self) -> None:
        """Somebody changes the rule after davy looked: nothing is written over it."""
        meanwhile = Meanwhile("AddTags")
        with alb(by_rule=True, before=meanwhile) as cloud:
            router = open_cloud(cloud)
            expect = router.observe().revision
            meanwhile.act, meanwhile.armed = (lambda: cloud.interfere(split(700))), True
            with pytest.raises(TargetConflict, match="changed while the fence was left"):
                raise_to(router, 2500, NEW, expect)
            assert cloud.made("ModifyRule") == []
            assert router.observe().weights_bp["all"]["candidate"] == 700

    def test_a_newer_writer_meanwhile_is_left_alone(self) -> None:
        """His tag comes between davy's tag and its weights: they are not written."""
        meanwhile = Meanwhile("DescribeRules")
        with alb(by_rule=True, before=meanwhile) as cloud:
            router = open_cloud(cloud)

            def newer() -> None:
                tag = {"Key": "davy-fence", "Value": str(NEW)}
                cloud.aws.add_tags(ResourceArns=[cloud.options["rule"]], Tags=[tag])

            expect = router.observe().revision
            seen = len(cloud.calls)
            meanwhile.act = lambda: newer() if "AddTags" in names(cloud, seen) else arm(meanwhile)
            meanwhile.armed = True
            with pytest.raises(TargetConflict, match="stale"):
                raise_to(router, 2500, OLD, expect)
            assert cloud.made("ModifyRule") == []

    def test_an_older_tag_shown_again_is_no_conflict(self) -> None:
        """AWS may show a tag late: a rollback must not wait for that."""
        meanwhile = Meanwhile("DescribeTags")
        with alb(by_rule=True, before=meanwhile) as cloud:
            router = open_cloud(cloud)
            raise_to(router, 2500, OLD)
            tags = [{"Key": "davy-fence", "Value": str(OLD)}]
            stale = {"ResourceArn": cloud.options["rule"], "Tags": tags}
            seen = len(cloud.calls)

            def late() -> Answer | None:
                if "AddTags" not in names(cloud, seen):
                    return arm(meanwhile)
                return 200, {"TagDescriptions": [stale]}

            meanwhile.act, meanwhile.armed = late, True
            raise_to(router, 0, NEW)
            assert router.observe().weights_bp == split(0)

    def test_what_it_does_not_stop(self) -> None:
        """A newer writer comes after the last look: this write lands, and says that it is stale.

        It is why the capability claims no more than `advisory`.
        """
        meanwhile = Meanwhile("ModifyRule")
        with alb(by_rule=True, before=meanwhile) as cloud:
            router = open_cloud(cloud)

            def newer() -> None:
                tag = {"Key": "davy-fence", "Value": str(NEW)}
                cloud.aws.add_tags(ResourceArns=[cloud.options["rule"]], Tags=[tag])

            meanwhile.act, meanwhile.armed = newer, True
            with pytest.raises(TargetConflict, match="stale"):
                raise_to(router, 2500, OLD)
            assert router.observe().weights_bp == split(2500)
            assert tagged(cloud) == str(NEW)

    def test_a_writer_that_hung_gives_up(self) -> None:
        """Ten seconds after its last look at the tag it writes nothing."""
        now = Clock()
        hang = Meanwhile("DescribeTags", partial(now.wait, 11.0), armed=True)
        with alb(by_rule=True, before=hang) as cloud:
            with pytest.raises(TargetConflict, match="hung"):
                raise_to(timed(cloud, now), 2500, NEW)
            assert {"AddTags", "ModifyRule"}.isdisjoint(names(cloud, 0))

    def test_a_new_look_begins_anew(self) -> None:
        """Whoever hung while the tag was set looks again, and finds nobody newer."""
        now = Clock()
        hang = Meanwhile("AddTags", partial(now.wait, 11.0), armed=True)
        with alb(by_rule=True, before=hang) as cloud:
            router = timed(cloud, now)
            raise_to(router, 2500, NEW)
            assert router.observe().weights_bp == split(2500)

    def test_where_aws_is_slow_it_comes_through(self) -> None:
        """Eight calls of four seconds each are no hang: a rollback waits for no better days."""
        now = Clock()

        def slow(_: Call) -> None:
            now.wait(4.0)

        with alb(by_rule=True, before=slow) as cloud:
            cloud.interfere(split(2500))
            router = timed(cloud, now)
            raise_to(router, 0, NEW)
            assert (router.observe().weights_bp, now.s > 30) == (split(0), True)


@dataclass
class Clock:
    """Seconds that pass when told to."""

    s: float = 0.0

    def wait(self, seconds: float) -> None:
        self.s += seconds


def timed(cloud: Cloud, now: Clock) -> Router:
    """The router of a rule, by that clock."""
    service = Service("elbv2", region="eu-west-1", where="alb")
    part = AlbSplit(service, cloud.options["rule"], "rule", cloud.options["target_groups"])
    return AwsRouter(part, TagFences(part, lambda: now.s), CAN, ARMS)


class TestFile:
    def test_is_the_way_out_where_tags_are_denied(self, tmp_path: Path) -> None:
        """The refusal names the option; with it no tag is looked at or set."""

        def no_tags(call: Call) -> Answer | None:
            return error(403, "AccessDenied") if "Tags" in call.operation else None

        with alb(by_rule=True, before=no_tags) as cloud:
            with pytest.raises(TargetDenied, match=r"DescribeTags.*option `fence_file`"):
                open_cloud(cloud).observe()
            router = open_cloud(cloud, fence_file=str(tmp_path / "fence.json"))
            raise_to(router, 2500, NEW)
            assert router.observe().fence == NEW
        assert router.capabilities.fence is FenceKind.HOST_ONLY

    def test_tags_that_may_only_be_looked_at(self) -> None:
        """Nothing is moved without a fence."""

        def no_new_tags(call: Call) -> Answer | None:
            return error(403, "AccessDenied") if call.operation == "AddTags" else None

        with alb(by_rule=True, before=no_new_tags) as cloud:
            with pytest.raises(TargetDenied, match="option `fence_file`"):
                raise_to(open_cloud(cloud), 2500, NEW)
            assert cloud.made("ModifyRule") == []


def names(cloud: Cloud, since: int) -> list[str]:
    return [call.operation for call in cloud.calls[since:]]


def arm(meanwhile: Meanwhile) -> None:
    """Wait for the next such call."""
    meanwhile.armed = True
