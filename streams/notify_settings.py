"""Who is told of a rollout, of what, and where? The section `notify` of the settings.

Secrets are never written here: `file:/run/secrets/slack` or `env:SLACK_URL` names where they are.
They are read when a hook is opened, and stand in no message and no log.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from streams.access_settings import Seconds
from streams.secret_files import SCHEME, without_credentials

ENVIRONMENT = "env:"
HOOK_NAME = r"^[a-z0-9][a-z0-9-]{0,49}$"
"""A hook's name is the end of a consumer group's."""


class Transition(StrEnum):
    """What can happen to a rollout that somebody may want to hear of."""

    STARTED = "started"  # a spec was applied
    STAGE_ADVANCED = "stage_advanced"  # a stage began, the candidate gets more
    HELD = "held"  # nothing is raised until a person looks, or the target follows
    INVALID = "invalid"  # verdicts cannot be trusted
    SILENT = "silent"  # an arm that should have traffic has none
    APPROVAL_NEEDED = "approval_needed"  # a person must agree before it goes on
    DRIFTED = "drifted"  # the baseline itself changed
    RECOVERED = "recovered"  # what was told before (`ended`) is over
    PROMOTED = "promoted"  # decided: the candidate takes all
    ROLLED_BACK = "rolled_back"  # decided: all goes back to the baseline
    SETTLED = "settled"  # the target has the weights of the end: one of these two came true
    COMMANDED = "commanded"  # a person asked for something
    TARGET_REFUSED = "target_refused"  # the target does not take or cannot take its weights
    FOREIGN_RAISE = "foreign_raise"  # somebody else raised a candidate's share
    FOREIGN_CHANGE = "foreign_change"  # somebody else changed weights, and raised nothing
    DECISION_REFUSED = "decision_refused"  # forged, stale or out of order: not acted on
    JUDGE_SILENT = "judge_silent"  # a raise waits for a judge that is not heard
    TAKEN_BACK = "taken_back"  # the judge was silent for too long: traffic went to the baseline


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


def _named_elsewhere(value: str) -> str:
    if not value.startswith((SCHEME, ENVIRONMENT)):
        raise ValueError("is a secret: write `file:PATH` or `env:NAME`, never the secret itself")
    return value


def _bare(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("is no URL; write http://host:port/path or https://...")
    if without_credentials(value) != value:
        raise ValueError("must hold no user and password; use `token`")
    return value


Secret = Annotated[str, AfterValidator(_named_elsewhere)]
"""Where a secret is: `file:PATH` or `env:NAME`."""
Url = Annotated[str, AfterValidator(_bare)]
Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class _Hook(BaseModel):
    """What all kinds of hooks share."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    least: Severity = Severity.INFO
    """What matters less is not told."""
    transitions: tuple[Transition, ...] = ()
    """Only these; empty: every one that the kind has a use for."""
    services: tuple[str, ...] = ()
    """Only rollouts of these services; empty: of all."""
    timeout_s: Seconds = 10.0
    """Of one try."""
    give_up_s: Seconds = 3600.0
    """After so long a transition that cannot be told is given up, with an error in the log."""


class WebhookHook(_Hook):
    """A signed POST of the whole notice as JSON."""

    kind: Literal["webhook"]
    url: Url
    secret: Secret
    """With which it is signed."""
    token: Secret | None = None
    """Sent as `Authorization: Bearer`."""


class SlackHook(_Hook):
    """A message to a Slack incoming webhook."""

    kind: Literal["slack"]
    url: Secret
    """The webhook's URL is a secret: who has it can write."""


class TeamsHook(_Hook):
    """An Adaptive Card to a Microsoft Teams workflow."""

    kind: Literal["teams"]
    url: Secret


class AlertmanagerHook(_Hook):
    """Alerts to Prometheus' Alertmanager, API v2."""

    kind: Literal["alertmanager"]
    url: Url
    """Without `/api/v2/alerts`."""
    token: Secret | None = None
    labels: dict[Label, str] = Field(default_factory=dict)
    """Put on every alert, to route by."""
    lasts_s: Seconds = 86_400.0
    """An alert whose end nobody tells ends by itself."""
    linger_s: Annotated[float, Field(ge=0)] = 120.0
    """How long it goes on after what it told of is over: longer than Alertmanager's group_wait."""


class TriggerHook(_Hook):
    """A call that starts a pipeline (continuous training or delivery) once a rollout's end is so.

    Its `promoted` and `rolled_back` are those that came true at the target.
    """

    kind: Literal["trigger"]
    url: Url
    token: Secret | None = None
    body: dict[str, Any] = Field(default_factory=dict)
    """JSON, with `{{ rollout }}` and other words of the notice in its texts."""


class MlflowHook(_Hook):
    """The model registry: the alias goes to what was promoted, versions say how they fared.

    Both once the target has the weights of the end.
    """

    kind: Literal["mlflow"]
    tracking_uri: Url | Annotated[str, Field(pattern=r"^(sqlite:///|/|databricks|env:|file:/)")]
    models: dict[str, str] = Field(default_factory=dict)
    """Service -> name of the registered model; the service's own name where it is not here."""
    alias: Annotated[str, Field(min_length=1)] = "champion"
    version_tag: str | None = None
    """Tag of a registered version that holds the spec's version; None: it is the number itself."""


class WandbHook(_Hook):
    """A run a rollout at Weights & Biases."""

    kind: Literal["wandb"]
    project: Annotated[str, Field(min_length=1)] = "davy"
    entity: str | None = None
    api_key: Secret | None = None
    """None: offline, into `folder`; `wandb sync` sends it."""
    folder: str = "wandb"


class ClearmlHook(_Hook):
    """A task a rollout at ClearML."""

    kind: Literal["clearml"]
    project: Annotated[str, Field(min_length=1)] = "davy"
    offline: bool = True
    """Into the cache of ClearML's, to be imported; else where `clearml.conf` says."""


HookSettings = Annotated[
    WebhookHook
    | SlackHook
    | TeamsHook
    | AlertmanagerHook
    | TriggerHook
    | MlflowHook
    | WandbHook
    | ClearmlHook,
    Field(discriminator="kind"),
]
HookName = Annotated[str, Field(pattern=HOOK_NAME)]


class NotifySettings(BaseModel):
    """What `davy notify` does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hooks: dict[HookName, HookSettings] = Field(default_factory=dict)
    """Name -> who is told; each has a consumer group of its own and holds up no other."""


KINDS: Mapping[str, type[BaseModel]] = {
    "webhook": WebhookHook,
    "slack": SlackHook,
    "teams": TeamsHook,
    "alertmanager": AlertmanagerHook,
    "trigger": TriggerHook,
    "mlflow": MlflowHook,
    "wandb": WandbHook,
    "clearml": ClearmlHook,
}
"""What `kind` may say."""


def untagged(path: tuple[str, ...]) -> tuple[str, ...]:
    """Where a mistake is, in the words of the file: pydantic names a hook's kind on the way.

    >>> untagged(("notify", "hooks", "ops", "slack", "url"))
    ('notify', 'hooks', 'ops', 'url')
    """
    tagged = path[:2] == ("notify", "hooks") and path[3:4] and path[3] in KINDS
    return (*path[:3], *path[4:]) if tagged else path
