"""Where do the keys lie that sign decisions, and whose signatures are believed?

PEM files, as `davy keys new` writes them and `openssl genpkey -algorithm ed25519` does. A private
key that others on this host can read is refused.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from streams.errors import SettingsError
from streams.settings import Settings
from streams.wire.signatures import Signer, TrustedKeys, key_id

SETTING = "signing.key"
TRUSTED = "signing.trusted"
FORBIDDEN = stat.S_IWGRP | stat.S_IRWXO
"""A group may read the key: so do mounted secrets with `fsGroup` of Kubernetes."""
MAKE_ONE = "make a pair with `davy keys new DIR`"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A new pair and where it was written."""

    id: str
    private: Path
    public: Path


def open_signer(settings: Settings) -> Signer | None:
    """What signs this process's records; None where no key is set.

    Raises:
        SettingsError: the key cannot be used, is missing where `signing.trusted` asks for
            signatures, or is none of the trusted ones.
    """
    signing = settings.signing
    signer = None
    if signing.key_pem is not None:
        pem = signing.key_pem.get_secret_value().encode()
        signer = Signer(_private(pem, f"{SETTING}_pem"))
    elif signing.key is not None:
        signer = Signer(read_private(signing.key))
    trusted = open_trusted(settings)
    if trusted is not None and (signer is None or signer.id not in trusted.ids):
        raise SettingsError(_refused_anyway(signer, trusted))
    return signer


def _refused_anyway(signer: Signer | None, trusted: TrustedKeys) -> str:
    known = ", ".join(trusted.ids)
    lack = "is not set" if signer is None else f"has the id {signer.id}"
    return (
        f"{SETTING}: {lack}, but {TRUSTED} believes only {known}: an actuator with these settings "
        f"would refuse every decision; set {SETTING} (DAVY_SIGNING__KEY) to the private key of one "
        f"of them, or add its public file to {TRUSTED}"
    )


def open_trusted(settings: Settings) -> TrustedKeys | None:
    """The keys whose signatures count; None where none are set: nothing is verified then.

    Raises:
        SettingsError: a file or folder cannot be used, or holds no key.
    """
    places = settings.signing.trusted_places
    if not places:
        return None
    return TrustedKeys([read_public(file) for place in places for file in _files(place)])


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    files = sorted(place.glob("*.pem"))
    if not files:
        raise SettingsError(f"{TRUSTED}: {place} holds no *.pem file; copy a *.pub.pem there")
    return files


def read_private(path: Path) -> Ed25519PrivateKey:
    """The private key of a PEM file.

    Raises:
        SettingsError: it is missing, can be read by others, or is no Ed25519 key.
    """
    pem = _pem(path, SETTING)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & FORBIDDEN:
        raise SettingsError(
            f"{SETTING}: others on this host can use {path} (mode {mode:04o}); "
            f"run: chmod 600 {path}"
        )
    return _private(pem, f"{SETTING}: {path}")


def read_public(path: Path, setting: str = TRUSTED) -> Ed25519PublicKey:
    """The public key of a PEM file.

    Raises:
        SettingsError: it is missing, is no Ed25519 key, or is a private key.
    """
    pem = _pem(path, setting)
    if b"PRIVATE KEY" in pem:
        raise SettingsError(
            f"{setting}: {path} is a private key, which only workers may have; "
            "put the *.pub.pem file of the pair here"
        )
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as failure:
        raise SettingsError(f"{setting}: {path} is no public key in PEM; {MAKE_ONE}") from failure
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsError(f"{setting}: {path} is no Ed25519 key; {MAKE_ONE}")
    return key


def id_in(path: Path) -> str:
    """The id of the key, private or public, in a PEM file; raises as the readers do."""
    if b"PRIVATE KEY" in _pem(path, str(path)):
        return key_id(read_private(path).public_key())
    return key_id(read_public(path, str(path)))


def new_pair(folder: Path) -> KeyPair:
    """Write a new pair; the private file is readable by its owner alone.

    Raises:
        SettingsError: the folder cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    name = key_id(key.public_key())
    pair = KeyPair(id=name, private=folder / f"{name}.key.pem", public=folder / f"{name}.pub.pem")
    encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(encoding, kind, serialization.NoEncryption())
    public = key.public_key().public_bytes(
        encoding, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pair.private.touch(mode=0o600, exist_ok=False)
        pair.private.write_bytes(secret)
        pair.public.write_bytes(public)
    except OSError as failure:
        raise SettingsError(f"{folder}: {failure}; name a folder that you may write") from failure
    return pair


def _pem(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failure:
        reason = failure.strerror or str(failure)
        raise SettingsError(f"{setting}: {path} cannot be read: {reason}; {MAKE_ONE}") from failure


def _private(pem: bytes, where: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as failure:  # the library's word for: a password is needed
        raise SettingsError(
            f"{where} is encrypted and nobody is there to type a password; store it without one, "
            "or mount it from where secrets are kept"
        ) from failure
    except (ValueError, UnsupportedAlgorithm) as failure:
        raise SettingsError(f"{where} is no private key in PEM; {MAKE_ONE}") from failure
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{where} is no Ed25519 key; {MAKE_ONE}")
    return key
