"""Where does a process answer how it is, and whom? Never anybody beyond loopback unasked."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Network = IPv4Network | IPv6Network
LOOPBACK = IPv4Address("127.0.0.1")


class TrustedProxy(BaseModel):
    """A proxy in front that has found out who asks, and says so in a header."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
    """Such as `X-Forwarded-User`; the proxy must overwrite what a client sends under this name."""
    addresses: Annotated[tuple[Network, ...], Field(min_length=1)]
    """Whose word counts: addresses or networks (10.0.0.7, 10.1.0.0/16)."""


class HttpSettings(BaseModel):
    """Health, readiness and metrics over HTTP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bind: IPv4Address | IPv6Address = LOOPBACK
    """Where is listened; more than loopback only with `basic_auth_file` or `trusted_proxy`."""
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """None: the usual one of the process, or any free one where that is taken; 0: any free one."""
    basic_auth_file: Path | None = None
    """Lines of `name:password`, or `name:` and what `davy password` prints."""
    trusted_proxy: TrustedProxy | None = None
    """`header` with the user's name, as the proxies at these `addresses` set it."""

    @field_validator("bind", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        return LOOPBACK if value == "localhost" else value

    @model_validator(mode="after")
    def _not_open(self) -> Self:
        open_to_all = self.basic_auth_file is None and self.trusted_proxy is None
        if open_to_all and not self.bind.is_loopback:
            raise ValueError(
                f"bind: {self.bind} is not loopback, and nobody is asked who he is: set "
                "http.basic_auth_file or http.trusted_proxy, or leave bind at 127.0.0.1"
            )
        return self
