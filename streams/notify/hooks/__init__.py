"""Which hooks are there, and what does each want to hear? One file a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from streams.notify.facts import ENDINGS, TROUBLES, Notice, severity_of
from streams.notify.hooks.alertmanager import Alertmanager
from streams.notify.hooks.clearml import Clearml
from streams.notify.hooks.mlflow import Mlflow
from streams.notify.hooks.slack import Slack
from streams.notify.hooks.teams import Teams
from streams.notify.hooks.trigger import Trigger
from streams.notify.hooks.wandb import Wandb
from streams.notify.hooks.webhook import Webhook
from streams.notify.ports import Hook
from streams.notify.sample import SAMPLE
from streams.notify_settings import (
    AlertmanagerHook,
    ClearmlHook,
    HookSettings,
    MlflowHook,
    Severity,
    SlackHook,
    TeamsHook,
    Transition,
    TriggerHook,
    WandbHook,
    WebhookHook,
)

Posting = WebhookHook | SlackHook | TeamsHook | AlertmanagerHook | TriggerHook
Sink = MlflowHook | WandbHook | ClearmlHook
RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
_ALERTS = TROUBLES | ENDINGS | {Transition.RECOVERED, Transition.SETTLED}


def open_hook(name: str, options: HookSettings) -> Hook:
    """A hook, ready to be told.

    Raises:
        SettingsError: a secret cannot be had, an extra is missing, or an option makes no sense.
    """
    match options:
        case MlflowHook() | WandbHook() | ClearmlHook():
            return _sink(name, options)
        case _:
            return _posting(name, options)


def _posting(name: str, options: Posting) -> Hook:
    match options:
        case WebhookHook():
            return Webhook(name, options)
        case SlackHook():
            return Slack(name, options)
        case TeamsHook():
            return Teams(name, options)
        case AlertmanagerHook():
            return Alertmanager(name, options)
        case TriggerHook():
            return Trigger(name, options, SAMPLE)
        case _:
            assert_never(options)


def _sink(name: str, options: Sink) -> Hook:
    match options:
        case MlflowHook():
            return Mlflow(name, options)
        case WandbHook():
            return Wandb(name, options)
        case ClearmlHook():
            return Clearml(options)
        case _:
            assert_never(options)


def wanted_by(options: HookSettings) -> Callable[[Notice], bool]:
    """Whether a hook is to be told of a notice."""
    transitions = frozenset(options.transitions) or usual(options)
    services, least = frozenset(options.services), RANK[options.least]

    def wants(notice: Notice) -> bool:
        heard = heard_as(options, notice)
        served = not services or notice.subject.service in services
        matters = max((RANK[severity_of(each)] for each in heard | _over(notice)), default=0)
        return served and bool(heard & transitions) and matters >= least

    return wants


def heard_as(options: HookSettings, notice: Notice) -> frozenset[Transition]:
    """What a notice is to the filters of a hook.

    Who acts on the end of a rollout hears of it when it has come true. A registry hears of the
    decision too, for the reason is told there.
    """
    outcome = frozenset((notice.outcome,) if notice.outcome else ())
    match options:
        case TriggerHook() if notice.transition in ENDINGS:
            return outcome
        case TriggerHook() | MlflowHook():
            return outcome | {notice.transition}
        case _:
            return frozenset({notice.transition})


def _over(notice: Notice) -> frozenset[Transition]:
    """What is over matters as much as what began it did."""
    return frozenset((notice.ended,) if notice.ended else ())


def usual(options: HookSettings) -> frozenset[Transition]:
    """What a kind of hook is told where the settings do not choose."""
    match options:
        case AlertmanagerHook():
            return _ALERTS
        case TriggerHook() | MlflowHook() | WandbHook() | ClearmlHook():
            return ENDINGS
        case _:
            return frozenset(Transition)
