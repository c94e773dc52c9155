"""Options of the routers for AWS: what is wrong, where, and what to write."""

from __future__ import annotations

from typing import Any

import pytest

from streams.actuator.routers import open_router
from streams.actuator.routers.options import OptionError
from streams.spec.model import Target
from tests.actuator.aws.cloud import ARMS

GROUPS = {"target_groups": {"baseline": "tg-1", "candidate": "tg-2"}}
NODES = {"virtual_nodes": {"baseline": "v1", "candidate": "v2"}}
ALB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
LATTICE = "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-1/listener/listener-1"


class TestOptions:
    @pytest.mark.parametrize(
        ("router", "options", "option", "says"),
        [
            ("alb", GROUPS, "", "needs one of rule, listener; got neither"),
            ("alb", GROUPS | {"rule": "r", "listener": "l"}, "listener", "got rule and listener"),
            ("alb", GROUPS | {"rule": "digits"}, "rule", "ARN of a rule of elasticloadbalancing"),
            ("alb", GROUPS | {"rule": f"{ALB}listener/app/x"}, "rule", "ARN of a rule"),
            ("alb", GROUPS | {"listener": LATTICE}, "listener", "write e.g. `listener: arn:aws"),
            ("alb", {"rule": f"{ALB}listener-rule/app/x"}, "target_groups", "there is none"),
            ("alb", {"rules": "x"}, "rules", "alb does not know rules"),
            ("lattice", GROUPS | {"rule": LATTICE}, "rule", "ARN of a rule of vpc-lattice"),
            ("lattice", GROUPS | {"listener": f"{LATTICE}/rule/rule-1"}, "listener", "a listener"),
            ("sagemaker", {"endpoint": 7}, "endpoint", "needs it, as text; got 7"),
            ("sagemaker", {"endpoint": "digits"}, "variants", "one name for each of baseline"),
            ("appmesh", {"mesh": "shop"}, "virtual_router", "write `virtual_router: digits`"),
            (
                "appmesh",
                NODES | {"mesh": "m", "virtual_router": "v", "route": "r", "region": 3},
                "region",
                "write `region: eu-west-1`",
            ),
            (
                "appmesh",
                NODES | {"mesh": "m", "virtual_router": "v", "route": "r", "fence_file": ""},
                "fence_file",
                "/var/lib/davy/appmesh-fence.json",
            ),
        ],
    )
    def test_table(self, router: str, options: dict[str, Any], option: str, says: str) -> None:
        """The option is named, so that its line can be."""
        with pytest.raises(OptionError, match=says) as told:
            open_router(Target(router=router, options=options), ARMS)
        assert told.value.option == option

    @pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
    def test_every_partition(self, partition: str) -> None:
        """China and the government's regions have ARNs of their own."""
        options = GROUPS | {"rule": f"{ALB}listener-rule/app/x".replace("aws", partition, 1)}
        router = open_router(Target(router="alb", options=options), ARMS)
        assert router.capabilities.largest_weight == 999
