"""How is traffic moved by a service of your own? Each call is a question, signed and answered.

Calls are signed as in Standard Webhooks. Messages have an answer's `message`, never its body as it
is, and the URL without its query, in which a token may stand. Source: RFC 9110 (status codes).
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import stamina

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind, Sticky
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.remote import Json, RemoteRouter, object_of, refusal
from streams.errors import SettingsError, TargetDenied, TargetTransient
from streams.secret_files import secret, without_query
from streams.spec.model import FULL_BP
from streams.wire.webhooks import key_of, signed_headers

OPTIONS = ("url", "name", "secret_file", "largest_weight", "timeout_s")
CONNECT_S = 2.0
TRIES, AGAIN_S = 3, 0.1
"""Of one call; the actuator tries again by itself afterwards."""
LONGEST_BYTES = 1 << 20
KINDS = {
    401: "denied",
    403: "denied",
    404: "not_found",
    408: "transient",
    409: "conflict",
    410: "not_found",
    412: "conflict",
    425: "transient",
    429: "transient",
}
AGAIN = (httpx.NetworkError, httpx.RemoteProtocolError)
"""What did not arrive, or not whole; who is slow is not asked again at once."""
CAN = Capabilities(
    largest_weight=FULL_BP,
    fence=FenceKind.NATIVE,
    survives_restart=True,
    sticky=Sticky.AS_SET_UP,
    ask_every_s=0.2,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where davy posts to, and with which secret."""

    url: str
    secret_file: str
    timeout_s: float

    @property
    def where(self) -> str:
        """The URL as it may be shown."""
        return without_query(self.url)

    def ask(self, question: Json) -> Json:
        """Post a question; what did not arrive is sent again: twice is the same as once."""
        body = json.dumps(question).encode()
        again = stamina.RetryingCaller(attempts=TRIES, wait_initial=AGAIN_S, wait_jitter=AGAIN_S)
        try:
            status, text = again(AGAIN, self._post, body, uuid.uuid4().hex)
        except httpx.HTTPError as error:
            raise TargetTransient(
                f"{self.where}: no answer ({error!r}); does it run, and may davy's host reach it?"
            ) from error
        return self._read(status, text)

    def _post(self, body: bytes, call_id: str) -> tuple[int, bytes]:
        headers = {"content-type": "application/json", **self._signed(body, call_id)}
        timeout = httpx.Timeout(self.timeout_s, connect=CONNECT_S)
        end = time.monotonic() + self.timeout_s
        with httpx.stream(
            "POST", self.url, content=body, headers=headers, timeout=timeout
        ) as answer:
            text = b""
            for part in answer.iter_bytes():
                text += part
                if time.monotonic() > end:
                    raise TargetTransient(f"{self.where}: no whole answer in {self.timeout_s:g} s")
                if len(text) > LONGEST_BYTES:
                    raise TargetTransient(
                        f"{self.where}: more than {LONGEST_BYTES} bytes of answer"
                    )
            return answer.status_code, text

    def _signed(self, body: bytes, call_id: str) -> dict[str, str]:
        """The file is read for each call, so that a new secret needs no restart."""
        setting = "target.options.secret_file"
        try:
            key = key_of(setting, secret(setting, f"file:{self.secret_file}"))
        except SettingsError as error:
            raise TargetDenied(str(error)) from error
        return signed_headers(key, call_id, int(time.time()), body)

    def _read(self, status: int, text: bytes) -> Json:
        """The answer; errors by their status, with the words of the answer."""
        told, said = object_of(text), f"{self.where}: {status}"
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise refusal(said, told)
        if status >= httpx.codes.BAD_REQUEST:
            raise refusal(said, told | {"error": KINDS.get(status, "rejected")})
        if status != httpx.codes.OK:
            raise refusal(f"{said}, not 200", {"error": "rejected"} | told)
        if not told:
            raise TargetTransient(
                f"{said}, but no JSON object in {len(text)} bytes; is this the service?"
            )
        return told


@declared(
    About(
        target="webhook: a service of your own",
        can=CAN,
        counterpart="an HTTP server",
        checks=(Check.CONTRACT,),
    )
)
def open_webhook(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - one split is all that is asked for
) -> RemoteRouter:
    """The router for these options.

    `url`: where to post; `name`: which of its splits; `secret_file`: on the actuator's host;
    `largest_weight`: its resolution, 10000 if left out; `timeout_s`: for one call, 5 if left out.
    """
    read.check_names(options, known=OPTIONS, router="webhook")
    url = read.text(options, "url", router="webhook", example="https://traffic.example/davy")
    read.optional_url(options, "url", router="webhook", example="https://traffic.example/davy")
    line = Line(
        url=url,
        secret_file=read.text(
            options, "secret_file", router="webhook", example="/run/secrets/davy-webhook"
        ),
        timeout_s=read.number(options, "timeout_s", router="webhook", least=1, most=30, default=5),
    )
    name = read.text(options, "name", router="webhook", example="digits")
    largest = read.number(
        options, "largest_weight", router="webhook", least=1, most=FULL_BP, default=FULL_BP
    )
    can = replace(CAN, largest_weight=largest)
    return RemoteRouter(f"{line.where} ({name})", name, arms, line.ask, can)
