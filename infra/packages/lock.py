"""Is what is installed just what the lock names, by hash, each package under a known licence?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = "davy"
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """An entry of requirements.lock that applies to this Python and system."""

    version: str
    hashes: tuple[str, ...]
    """SHA-256 of every file that may be installed for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A package as it lies in the environment."""

    version: str
    licence: str
    """As its author states it; empty where he does not."""


def locked(lock: Path) -> dict[str, Locked]:
    """The entries of a lock file that apply here, by name."""
    lines = re.sub(r"\\\n", " ", lock.read_text(encoding="utf-8")).splitlines()
    entries = [line for line in lines if line and not line.lstrip().startswith("#")]
    found = {}
    for entry in entries:
        wanted = Requirement(entry.partition("--hash")[0].strip())
        if wanted.marker is None or wanted.marker.evaluate():
            (version,) = (pin.version for pin in wanted.specifier)
            hashes = tuple(HASH.findall(entry))
            found[canonicalize_name(wanted.name)] = Locked(version=version, hashes=hashes)
    return found


def installed() -> dict[str, Installed]:
    """What this Python can import, davy itself left out."""
    found = {
        canonicalize_name(each.metadata["Name"]): Installed(
            version=each.version, licence=licence(each)
        )
        for each in Distribution.discover()
    }
    found.pop(OURS, None)
    return found


def licence(package: Distribution) -> str:
    """The licence as the package states it: in one of three places, or atop its licence's text."""
    metadata = package.metadata
    classified = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or ()
        if text.startswith("License ::")
    ]
    told = metadata.get("License-Expression") or ", ".join(classified) or metadata.get("License")
    return (told or _title(package)).strip().partition("\n")[0]


def _title(package: Distribution) -> str:
    texts = [path for path in package.files or () if path.name.upper().startswith("LICEN")]
    return texts[0].read_text().lstrip() if texts else ""


def problems(lock: Mapping[str, Locked], there: Mapping[str, Installed]) -> Iterator[str]:
    """One sentence for everything that is not as it must be."""
    for name in sorted(there.keys() - lock.keys()):
        yield f"{name} {there[name].version} is installed and not in the lock; run `make setup`"
    for name in sorted(lock.keys() - there.keys()):
        yield f"{name} {lock[name].version} is in the lock and not installed; run `make setup`"
    for name in sorted(lock.keys() & there.keys()):
        if there[name].version != lock[name].version:
            yield f"{name} {there[name].version} is installed, the lock says {lock[name].version}"
        if not lock[name].hashes:
            yield f"{name}: the lock names no hash; run `make lock`"
        if not there[name].licence:
            yield f"{name} states no licence: find it, or do without the package"
