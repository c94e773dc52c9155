"""What may a browser do with an answer, and under which name may it ask?

Scripts, styles and connections of this server alone, nothing inline, no frames. Where nobody is
asked who he is, only names of loopback are answered to: a page of somebody else's whose name was
pointed at this machine (DNS rebinding) would else be of the same origin.
"""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.dashboard.answers.common import Trouble
from streams.verdicts.desk import said

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STATIC_PATH = "/static"
ASK_AGAIN = "no-cache"
"""What a browser does with scripts and styles: keep them, and ask whether they are the newest."""
LOCAL = "localhost"
HOST = "the header `Host`"


class Shield:
    """Middleware around all others."""

    def __init__(self, app: ASGIApp, *, loopback_only: bool) -> None:
        """`loopback_only`: requests must name this machine as it names itself."""
        self._app, self._loopback_only = app, loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        kept = ASK_AGAIN if scope["path"].startswith(f"{STATIC_PATH}/") else "no-store"

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", kept)
            await send(message)

        app: ASGIApp = self._app
        if self._loopback_only and not is_loopback(Headers(scope=scope).get("host", "")):
            app = _STRANGE
        await app(scope, receive, shielded)


def is_loopback(host: str) -> bool:
    """Whether a `Host` header names this machine alone.

    >>> [is_loopback(host) for host in ("localhost:8475", "127.0.0.1", "[::1]:1", "evil.example")]
    [True, True, True, False]
    """
    name = hostname(host)
    if name == LOCAL or name.endswith(f".{LOCAL}"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def hostname(host: str) -> str:
    """A `Host` header without its port and brackets, in lower case.

    >>> hostname("[::1]:8475"), hostname("Davy.example:80")
    ('::1', 'davy.example')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


_STRANGE = said(
    HTTPStatus.MISDIRECTED_REQUEST,
    Trouble(
        code="strange_host",
        reason="nobody is asked who he is here, so only `localhost` and loopback are answered to",
        where=HOST,
        advice="open http://localhost with this port; to be asked under another name set "
        "http.basic_auth_file or http.trusted_proxy",
    ),
)
