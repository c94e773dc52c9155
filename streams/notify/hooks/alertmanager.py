"""Tell Prometheus' Alertmanager (API v2): an alert for what lasts, ended when that is over.

An alert is known by its labels; times come from the record, so that the same notice gives the same
alert. What is ended was perhaps never begun: Alertmanager keeps silent about that.
https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.notify.facts import ENDED_BY, TROUBLES, Notice, severity_of
from streams.notify.hooks.post import Poster, as_json
from streams.notify.secrets import secret_of
from streams.notify.words import facts, moment, sentence, title
from streams.notify_settings import AlertmanagerHook, Transition

PATH = "/api/v2/alerts"


class Alertmanager:
    """A hook of kind `alertmanager`."""

    def __init__(self, name: str, options: AlertmanagerHook) -> None:
        """Raise SettingsError where the token cannot be had."""
        setting = f"notify.hooks.{name}.token"
        token = secret_of(setting, options.token) if options.token else None
        self._poster = Poster(options.url.rstrip("/") + PATH, options.timeout_s, token)
        self._options = options

    def tell(self, notice: Notice) -> None:
        """See Hook."""
        told = alerts(notice, self._options)
        if told:
            self._poster.post(as_json(told))

    def close(self) -> None:
        """See Hook."""
        self._poster.close()


def alerts(notice: Notice, options: AlertmanagerHook) -> list[dict[str, Any]]:
    """The alerts that a notice begins, and those that it ends."""
    transition, linger_ms = notice.transition, round(options.linger_s * 1000)
    lasts_ms = round(options.lasts_s * 1000)
    if transition is Transition.RECOVERED and notice.ended is not None:
        return [_alert(notice, notice.ended, notice.at_ms + linger_ms, options.labels)]
    found = []
    if transition in TROUBLES or transition is Transition.ROLLED_BACK:
        found.append(_alert(notice, transition, notice.at_ms + lasts_ms, options.labels))
    ended = sorted(ENDED_BY.get(transition, ()))
    found += [_alert(notice, each, notice.at_ms, options.labels) for each in ended]
    return found


def _alert(
    notice: Notice, transition: Transition, ends_ms: int, labels: Mapping[str, str]
) -> dict[str, Any]:
    subject = notice.subject
    own = {
        "alertname": f"DavyRollout{_camel(transition)}",
        "severity": str(severity_of(transition)),
        "rollout": subject.rollout,
        "service": subject.service,
        "route": subject.route,
    }
    return {
        "labels": {**labels, **{name: value for name, value in own.items() if value}},
        "annotations": {
            "summary": title(notice),
            "description": sentence(notice),
            "key": notice.key,
            **{label.replace(" ", "_"): value for label, value in facts(notice)},
        },
        "startsAt": moment(min(notice.at_ms, ends_ms)),
        "endsAt": moment(ends_ms),
    }


def _camel(transition: Transition) -> str:
    """A transition as part of an alert's name.

    >>> _camel(Transition.TARGET_REFUSED)
    'TargetRefused'
    """
    return "".join(word.capitalize() for word in transition.split("_"))
