"""How does a real schema registry with Confluent's API run here without Docker?

Apicurio from Maven Central, its store in memory. Its default compatibility is NONE, so clients
set one per subject.
"""

import shutil
import tarfile
from pathlib import Path

from infra.rigs.cache import made_once, need, run
from infra.rigs.shared import Started
from streams.demo.processes import HOST, Part, free_port, serves
from streams.errors import PartError

VERSION = "3.0.9"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
HEAP = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
START_S = 60.0


def install() -> Path:
    """The folder with the registry's runner, fetched once; Absent without Java or Maven."""
    need("java", "mvn")
    return made_once("apicurio", VERSION, _fetch)


def start(folder: Path) -> Started:
    """Start one registry and wait until its Confluent API answers, at the address given."""
    (runner,) = install().glob("**/apicurio-registry-app-*-runner.jar")
    port = free_port()
    url = f"http://{HOST}:{port}/apis/ccompat/v7"
    env = {"QUARKUS_HTTP_HOST": HOST, "QUARKUS_HTTP_PORT": str(port)}
    folder.mkdir(parents=True, exist_ok=True)
    command = [shutil.which("java") or "java", *HEAP, "-jar", str(runner)]
    part = Part("registry", command, log=folder / "registry.log", env=env, cwd=folder)
    try:
        part.wait_until(
            lambda: serves(f"{url}/subjects"), what="its API answers", deadline_s=START_S
        )
    except PartError:
        part.kill()
        raise
    return Started(address=url, part=part)


def _fetch(folder: Path) -> None:
    maven = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}"]
    run([*maven, f"-DoutputDirectory={folder}", "-Dmdep.useBaseVersion=true"], cwd=folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()
    if not list(folder.glob(f"**/apicurio-registry-app-{VERSION}-runner.jar")):
        raise PartError(f"{folder}: the archive {archive.name} holds no runner of {VERSION}")
