"""May a spec have this done by the actuator's host? Only what the actuator's own settings name.

Specs come over Kafka; whoever may write to `rollouts` must not be able to run what he likes, nor
have any address asked and any secret used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Router
from streams.errors import TargetDenied
from streams.secret_files import without_credentials, without_query
from streams.spec.model import Target

Open = Callable[[Target, Sequence[str], Audience], Router]


def _of_exec(options: Mapping[str, Any]) -> str:
    command = options.get("command")
    return str(command[0]) if isinstance(command, list | tuple) and command else ""


def _of_nginx(options: Mapping[str, Any]) -> str:
    return str(options.get("nginx") or "nginx")


STARTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"exec": _of_exec, "nginx": _of_nginx}
"""Router -> the program that its options would have started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permits:
    """What the settings allow, word for word as specs write it."""

    programs: Collection[str] = ()
    webhooks: Mapping[str, str] = field(default_factory=dict)
    """URL -> the file of the secret that signs what is posted there."""

    def check(self, target: Target) -> None:
        """Raise TargetDenied, with the line for the settings, where something is not allowed."""
        if target.router in STARTED:
            self._check_program(target.router, STARTED[target.router](target.options))
        if target.router == "webhook":
            self._check_webhook(target.options.get("url"), target.options.get("secret_file"))

    def _check_program(self, router: str, program: str) -> None:
        if program not in self.programs:
            raise TargetDenied(
                f"router {router}: this actuator may not start `{program}` — add it to "
                "`programs` in the actuator's davy.yaml, if whoever applies rollouts may run it"
            )

    def _check_webhook(self, url: object, secret_file: object) -> None:
        where = without_credentials(without_query(str(url)))
        setting = "`webhooks` in the actuator's davy.yaml"
        if str(url) not in self.webhooks:
            raise TargetDenied(
                f"router webhook: this actuator may not post to `{where}` — add the URL, as the "
                f"spec has it, and its secret file to {setting}: `webhooks: {{URL: FILE}}`"
            )
        if str(secret_file) != self.webhooks[str(url)]:
            raise TargetDenied(
                f"router webhook: what is posted to `{where}` is not signed by `{secret_file}` — "
                f"write the secret_file that stands beside that URL in {setting}"
            )


def permitting(permits: Permits, open_target: Open) -> Open:
    """Opens what `open_target` opens, but nothing that the settings do not allow.

    Raises (when it opens):
        TargetDenied: with the line for the settings.
    """

    def open_permitted(target: Target, arms: Sequence[str], audience: Audience) -> Router:
        permits.check(target)
        return open_target(target, arms, audience)

    return open_permitted
