"""Start a pipeline when a rollout has ended: delivery after a promotion, training after a rollback.

It is started once the target has the weights of the end: what was decided may not come to pass.
The body is JSON whose texts are templates (jinja2, sandboxed) over the words of the notice.
https://cloud.google.com/architecture/mlops-continuous-delivery-and-automation-pipelines-in-machine-learning
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from streams.errors import HookRefused, SettingsError
from streams.notify.facts import Notice
from streams.notify.hooks.post import Poster, as_json
from streams.notify.secrets import secret_of
from streams.notify.words import as_record
from streams.notify_settings import TriggerHook

USUAL = {
    "event": "{{ outcome or transition }}",
    "rollout": "{{ rollout }}",
    "service": "{{ service }}",
    "model_version": "{{ winner or candidates.values() | join(',') }}",
    "baseline": "{{ baseline }}",
    "decision_id": "{{ decision_id }}",
}
"""What is sent where the settings say nothing."""


class Trigger:
    """A hook of kind `trigger`."""

    def __init__(self, name: str, options: TriggerHook, sample: Notice) -> None:
        """Raise SettingsError where a template fails with a sample, or the token cannot be had."""
        setting = f"notify.hooks.{name}"
        self._body = options.body or USUAL
        try:
            filled(self._body, as_record(sample)["data"])
        except TemplateError as error:
            raise SettingsError(
                f"{setting}.body: {error}; known are {', '.join(as_record(sample)['data'])}"
            ) from error
        token = secret_of(f"{setting}.token", options.token) if options.token else None
        self._poster = Poster(options.url, options.timeout_s, token)

    def tell(self, notice: Notice) -> None:
        """See Hook. The key stands in the header `Idempotency-Key`."""
        try:
            body = as_json(filled(self._body, as_record(notice)["data"]))
        except TemplateError as error:
            raise HookRefused(f"its body cannot be written: {error}") from error
        self._poster.post(body, {"Idempotency-Key": notice.key})

    def close(self) -> None:
        """See Hook."""
        self._poster.close()


def filled(body: Any, words: Mapping[str, Any]) -> Any:
    """JSON with each text in it rendered.

    >>> filled({"to": ["{{ service }}", 3]}, {"service": "digits"})
    {'to': ['digits', 3]}
    """
    match body:
        case str():
            return _ENVIRONMENT.from_string(body).render(words)
        case Mapping():
            return {key: filled(value, words) for key, value in body.items()}
        case list() | tuple():
            return [filled(value, words) for value in body]
        case _:
            return body


_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
