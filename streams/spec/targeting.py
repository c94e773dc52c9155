"""Who may get a candidate at all? Rules over a request's headers; everybody else gets the baseline.

Rules are any-of: one that holds is enough, so their order means nothing. Weights then apply
within the targeted traffic. The headers must be set by an edge that clients cannot talk past.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from streams.spec.fact import Fact

MOST_RULES = 32
MOST_VALUES = 100
MOST_USERS = 1000
HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$"
"""A header's name (RFC 9110, 5.6.2)."""
VALUE = r"^[!-+\x2d-~]([ -+\x2d-~]{0,254}[!-+\x2d-~])?$"
"""A header's value: printable, no comma (it joins headers of one name), no blank at an end."""

TARGETED_HEADER = "x-davy-targeted"
"""What routers add to a request where there are rules, so that the service can tell its event."""
TARGETED_SEGMENT = "targeted"
"""What a prediction says of that in `segments`. Only events that say `yes` are compared."""
TARGETED, NOT_TARGETED = "yes", "no"

HeaderName = Annotated[str, Field(pattern=HEADER), AfterValidator(str.lower)]
HeaderValue = Annotated[str, Field(pattern=VALUE)]


class RuleKind(StrEnum):
    """What a router must be able to tell, to compile a rule."""

    HEADER = "header"  # a header has one of these values
    PREFIX = "prefix"  # a header begins so
    USERS = "users"  # the user stands in a list
    USER_HASH = "user_hash"  # the user's hash lies in a range


class HeaderRule(Fact):
    """Requests whose header has exactly one of these values."""

    kind: Literal[RuleKind.HEADER] = RuleKind.HEADER
    header: HeaderName
    values: Annotated[tuple[HeaderValue, ...], Field(min_length=1, max_length=MOST_VALUES)]


class PrefixRule(Fact):
    """Requests whose header begins so."""

    kind: Literal[RuleKind.PREFIX] = RuleKind.PREFIX
    header: HeaderName
    prefix: HeaderValue


class UsersRule(Fact):
    """A cohort by name: requests whose header names one of these users."""

    kind: Literal[RuleKind.USERS] = RuleKind.USERS
    header: HeaderName
    users: Annotated[tuple[HeaderValue, ...], Field(min_length=1, max_length=MOST_USERS)]


class UserHashRule(Fact):
    """A cohort by chance: users whose XXH64 modulo 10^8 lies in the range, upper end excluded."""

    kind: Literal[RuleKind.USER_HASH] = RuleKind.USER_HASH
    header: HeaderName
    from_bp: Annotated[int, Field(ge=0, lt=10_000)]
    to_bp: Annotated[int, Field(gt=0, le=10_000)]

    @model_validator(mode="after")
    def _is_a_range(self) -> UserHashRule:
        if self.from_bp >= self.to_bp:
            raise ValueError(f"user_hash: {self.from_bp}bp to {self.to_bp}bp holds nobody")
        return self


Rule: TypeAlias = Annotated[
    HeaderRule | PrefixRule | UsersRule | UserHashRule, Field(discriminator="kind")
]
