"""Which jars does a pom name, and where do they lie? Fetched once, from Maven Central."""

import hashlib
import xml.etree.ElementTree as ET
from pathlib import Path

from infra.rigs.cache import made_once, need, run
from streams.errors import PartError


def version(pom: Path) -> str:
    """The version of the first dependency."""
    found = ET.parse(pom).find(".//{*}dependency/{*}version")  # noqa: S314 - our own file
    if found is None or not found.text:
        raise PartError(f"{pom} names no version")
    return found.text


def jars(part: str, pom: Path, *tools: str) -> Path:
    """The folder of what a pom names; Absent without Maven, Java or one of the tools."""
    need("java", "mvn", *tools)
    named = hashlib.sha256(pom.read_bytes()).hexdigest()[:8]
    return made_once(part, f"{version(pom)}-{named}", lambda folder: copy(pom, folder))


def copy(pom: Path, folder: Path) -> None:
    """Fetch the jars into a folder."""
    maven = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    run([*maven, "-f", pom])
