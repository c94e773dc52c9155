"""Where schemas are, and who signs: settings of their own within the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from streams import secret_files

Seconds = Annotated[float, Field(gt=0)]


class RegistrySettings(BaseModel):
    """The schema registry; without a URL the ids shipped in `schemas/ids.json` hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str | None = None
    """A registry with Confluent's API; without one, the ids that are shipped with davy hold."""
    basic_auth: str | None = Field(default=None, repr=False)
    """`user:password`, or `file:` and the path of a file that holds it."""
    ssl_ca: Path | None = None
    """PEM file of the authorities that may vouch for the registry."""
    ssl_certificate: Path | None = None
    """PEM file of what davy shows of itself (mTLS)."""
    ssl_key: Path | None = None
    """PEM file of the key of that certificate."""
    timeout_s: Seconds = 3.0
    """Of one question. Who asks in vain asks again, so a long one only holds others up."""

    @field_validator("url")
    @classmethod
    def _bare(cls, value: str | None) -> str | None:
        """What stands in messages and logs must hold no password."""
        if value is not None and secret_files.without_credentials(value) != value:
            raise ValueError("must hold no user and password; write them as basic_auth")
        return value

    @field_validator("basic_auth")
    @classmethod
    def _from_file(cls, value: str | None) -> str | None:
        try:
            return None if value is None else secret_files.secret("basic_auth", value)
        except secret_files.SecretError as failure:
            raise PydanticCustomError("secret", "{problem}", {"problem": failure.problem}) from None


class SigningSettings(BaseModel):
    """Who signs decisions, and whose signatures an actuator believes (`davy keys new`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Path | None = None
    """PEM file of the private key with which a worker signs."""
    key_pem: SecretStr | None = None
    """The key itself, for environments that hand secrets over as variables."""
    trusted: Path | tuple[Path, ...] = ()
    """PEM files of public keys, or folders of them; without any, nothing is verified."""

    @property
    def trusted_places(self) -> tuple[Path, ...]:
        """Files and folders of trusted keys."""
        return (self.trusted,) if isinstance(self.trusted, Path) else self.trusted

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.key is not None and self.key_pem is not None:
            raise ValueError("key and key_pem are both set; one key signs: leave one of them out")
        return self
