"""Who may ask? Whoever knows a password, or comes through a proxy that has asked already.

Pure of any server: a peer's address and the request's headers go in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Protocol

from streams.errors import SettingsError
from streams.http_settings import HttpSettings, TrustedProxy
from streams.serving import passwords

REMEMBERED = 64
"""Credentials whose hash need not be made again; it costs 16 MB and tens of milliseconds."""
NOBODY = passwords.hashed(secrets.token_hex())
"""Compared with where a name is unknown, so that the time taken tells no names."""


class Door(Protocol):
    """One way to prove who asks."""

    def admits(self, peer: str, headers: Mapping[str, str]) -> bool:
        """Whether this request may go on; `headers` by lower-case name."""
        ...

    def name(self, headers: Mapping[str, str]) -> str:
        """Whom it lets in, of a request that it admits."""
        ...


class BasicAuth:
    """Names and passwords of a file (RFC 7617)."""

    def __init__(self, stored: Mapping[str, str]) -> None:
        self._stored = dict(stored)
        self._key = secrets.token_bytes(32)
        self._known: deque[bytes] = deque(maxlen=REMEMBERED)
        """Of credentials that were good lately: probes and pages come every few seconds."""

    def admits(self, peer: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - from anywhere
        """See Door."""
        given = headers.get("authorization", "")
        if not given:
            return False
        seen = hmac.digest(self._key, given.encode(), hashlib.sha256)
        if any(hmac.compare_digest(seen, each) for each in tuple(self._known)):
            return True
        name, password = _credentials(given)
        good = passwords.fits(password, self._stored.get(name, NOBODY)) and name in self._stored
        if good:
            self._known.append(seen)
        return good

    def name(self, headers: Mapping[str, str]) -> str:
        """See Door."""
        return _credentials(headers.get("authorization", ""))[0]


class ProxyHeader:
    """A header of a proxy, which counts from its addresses alone."""

    def __init__(self, proxy: TrustedProxy) -> None:
        self._header = proxy.header.lower()
        self._networks = proxy.addresses

    def admits(self, peer: str, headers: Mapping[str, str]) -> bool:
        """See Door."""
        address = ip_address(peer.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        trusted = any(address in network for network in self._networks)
        return trusted and bool(headers.get(self._header, "").strip())

    def name(self, headers: Mapping[str, str]) -> str:
        """See Door."""
        raw = headers.get(self._header, "").strip()
        return raw.encode("latin-1", "replace").decode(errors="replace")


class Guard:
    """All doors of a server; one that opens is enough, and without any it stands open."""

    def __init__(self, doors: Sequence[Door], challenge: str = "") -> None:
        self._doors = tuple(doors)
        self.challenge = challenge
        """`WWW-Authenticate` of a refusal; empty where no password helps."""

    @property
    def stands_open(self) -> bool:
        """Whether nobody is asked."""
        return not self._doors

    def admits(self, peer: str, headers: Mapping[str, str]) -> bool:
        """Whether the request may go on."""
        return self.who(peer, headers) is not None

    def who(self, peer: str, headers: Mapping[str, str]) -> str | None:
        """The name of who asks; empty where nobody is asked, None where he may not go on."""
        if self.stands_open:
            return ""
        opened = (door for door in self._doors if door.admits(peer, headers))
        return next((door.name(headers) for door in opened), None)


def open_guard(http: HttpSettings) -> Guard:
    """The guard that the settings ask for.

    Raises:
        SettingsError: the file of passwords cannot be read or used.
    """
    doors: list[Door] = []
    if http.basic_auth_file is not None:
        doors.append(BasicAuth(read_passwords(http.basic_auth_file)))
    if http.trusted_proxy is not None:
        doors.append(ProxyHeader(http.trusted_proxy))
    challenge = "" if http.basic_auth_file is None else 'Basic realm="davy", charset="UTF-8"'
    return Guard(doors, challenge)


def read_passwords(path: Path) -> dict[str, str]:
    """Name -> password or hash; blank lines and lines that begin with # count for nothing.

    Raises:
        SettingsError: the file names what is wrong, never what stands there.
    """
    where = "http.basic_auth_file"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8"
        raise SettingsError(f"{where}: {path} cannot be read: {why}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, _, stored = line.strip().partition(":")
            found[name] = _checked(f"{path}:{number}", name, stored)
    if not found:
        raise SettingsError(f"{where}: {path} names nobody; write a line `name:password`")
    return found


def _checked(where: str, name: str, stored: str) -> str:
    try:
        passwords.check(stored)
    except ValueError:
        name = ""
    if not name:
        raise SettingsError(
            f"{where}: no line `name:password`, nor `name:` and what `davy password` prints"
        )
    return stored


def _credentials(given: str) -> tuple[str, bytes]:
    scheme, _, encoded = given.partition(" ")
    if scheme.lower() != "basic":
        return "", b""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).partition(b":")
        return name.decode(), password
    except ValueError:  # no base64, no UTF-8
        return "", b""
