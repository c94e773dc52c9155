"""Does a command come from our own page? Its origin, and a token in a cookie and a header.

A page of somebody else's can make a browser send the cookie and what the user is known by, but it
can neither read the token nor set the header, and the browser says where it comes from.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping

COOKIE = "davy_token"
HEADER = "x-davy-token"
BYTES = 32
FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def token_of(cookies: Mapping[str, str]) -> str:
    """The token that the browser has, or a fresh one."""
    known = cookies.get(COOKIE, "")
    return known if FORM.fullmatch(known) else secrets.token_urlsafe(BYTES)


def strangeness(headers: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """Why a command may not be our page's; empty where it is. `headers` by lower-case name."""
    if not _is_same_origin(headers):
        return "it was sent by a page of another origin, or does not say of which"
    given, known = headers.get(HEADER, ""), cookies.get(COOKIE, "")
    if not FORM.fullmatch(known) or not hmac.compare_digest(given.encode(), known.encode()):
        return f"the header `{HEADER}` is not the token of the cookie `{COOKIE}`"
    return ""


def _is_same_origin(headers: Mapping[str, str]) -> bool:
    """By the browser's own word, else by the origin it names."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    scheme, _, netloc = headers.get("origin", "").partition("://")
    return scheme in {"http", "https"} and netloc == headers.get("host", "")
