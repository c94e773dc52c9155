"""Tell whoever listens at a URL: the whole notice as JSON, signed."""

from __future__ import annotations

import time
from collections.abc import Callable

from streams.notify.facts import Notice
from streams.notify.hooks.post import Poster, as_json
from streams.notify.secrets import secret_of
from streams.notify.words import as_record
from streams.notify_settings import WebhookHook
from streams.wire.webhooks import key_of, signed_headers


class Webhook:
    """A hook of kind `webhook`."""

    def __init__(
        self, name: str, options: WebhookHook, clock: Callable[[], float] = time.time
    ) -> None:
        """Raise SettingsError where a secret cannot be had or used."""
        setting = f"notify.hooks.{name}"
        secret = secret_of(f"{setting}.secret", options.secret)
        self._key = key_of(f"{setting}.secret", secret)
        token = secret_of(f"{setting}.token", options.token) if options.token else None
        self._poster = Poster(options.url, options.timeout_s, token)
        self._clock = clock

    def tell(self, notice: Notice) -> None:
        """See Hook. The time that is signed is that of this try."""
        body = as_json(as_record(notice))
        headers = signed_headers(self._key, notice.key, int(self._clock()), body)
        self._poster.post(body, headers)

    def close(self) -> None:
        """See Hook."""
        self._poster.close()
