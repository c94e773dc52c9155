"""Which hooks are there, and what does each want to hear? One file a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from streams.notify.facts import TROUBLES, Notice, severity_of
from streams.notify.hooks.alertmanager import Alertmanager
from streams.notify.hooks.clearml import Clearml
from streams.notify.hooks.mlflow import Mlflow
from streams.notify.hooks.slack import Slack
from streams.notify.hooks.teams import Teams
from streams.notify.hooks.trigger import TRIGGERS, Trigger
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
_ENDINGS = frozenset({Transition.PROMOTED, Transition.ROLLED_BACK})
_ALERTS = TROUBLES | _ENDINGS | {Transition.RECOVERED, Transition.SETTLED}


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
        served = not services or notice.subject.service in services
        ranks = RANK[severity_here(notice)] >= least
        return served and notice.transition in transitions and ranks

    return wants


def severity_here(notice: Notice) -> Severity:
    """How much a notice matters for filters: what is over matters as what began it did."""
    if notice.ended is None:
        return notice.severity
    return severity_of(notice.ended)


def usual(options: HookSettings) -> frozenset[Transition]:
    """What a kind of hook is told where the settings do not choose."""
    match options:
        case AlertmanagerHook():
            return _ALERTS
        case TriggerHook():
            return frozenset(TRIGGERS)
        case MlflowHook() | WandbHook() | ClearmlHook():
            return _ENDINGS
        case _:
            return frozenset(Transition)
