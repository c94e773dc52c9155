"""May a spec have this program started here? Only one that the actuator's own settings name.

Specs come over Kafka; whoever may write to `rollouts` must not be able to run what he likes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Router
from streams.errors import TargetDenied
from streams.spec.model import Target

Open = Callable[[Target, Sequence[str], Audience], Router]


def _of_exec(options: Mapping[str, Any]) -> str:
    command = options.get("command")
    return str(command[0]) if isinstance(command, list | tuple) and command else ""


def _of_nginx(options: Mapping[str, Any]) -> str:
    return str(options.get("nginx") or "nginx")


STARTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"exec": _of_exec, "nginx": _of_nginx}
"""Router -> the program that its options would have started."""


def permitting(programs: Collection[str], open_target: Open) -> Open:
    """Opens what `open_target` opens, but no router that starts another program than these.

    Raises (when it opens):
        TargetDenied: with the line for the settings.
    """

    def open_permitted(target: Target, arms: Sequence[str], audience: Audience) -> Router:
        if target.router in STARTED:
            program = STARTED[target.router](target.options)
            if program not in programs:
                raise TargetDenied(
                    f"router {target.router}: this actuator may not start `{program}` — add it to "
                    "`programs` in the actuator's davy.yaml, if whoever applies rollouts may run it"
                )
        return open_target(target, arms, audience)

    return open_permitted
