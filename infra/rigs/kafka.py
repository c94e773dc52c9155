"""How does a real Apache Kafka (KRaft, one node, with transactions) run here without Docker?

From Maven Central by `kafka/pom.xml`, on Java, on free loopback ports, its data in the folder
given. As a program (`python -m infra.rigs.kafka --folder F --port P`) it becomes the broker.
"""

import argparse
import os
import shutil
import string
import sys
from pathlib import Path

from infra.rigs import maven
from infra.rigs.cache import made_once, need, run
from streams.demo.broker import RunningBroker, ready
from streams.demo.processes import Part, free_ports
from streams.errors import PartError

HERE = Path(__file__).with_name("kafka")
CLUSTER = "ZGF2eS1vbmUtbm9kZS1yaQ"
HEAP = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC")
START_S = 60.0


def version() -> str:
    """The version that the pom names."""
    return maven.version(HERE / "pom.xml")


def install() -> Path:
    """The folder with Kafka's jars, fetched once; Absent without Java or Maven."""
    need("java", "mvn")
    return made_once("kafka", version(), _fetch)


def prepare(folder: Path, *, port: int, controller_port: int) -> list[str]:
    """Write the broker's settings, format its storage if new, and return the command to run."""
    folder = folder.resolve()
    text = string.Template((HERE / "server.properties").read_text())
    filled = text.substitute(port=port, controller_port=controller_port, folder=folder)
    return formatted(folder, filled, options=HEAP)


def formatted(folder: Path, settings: str, *, options: tuple[str, ...]) -> list[str]:
    """Write a node's settings, format `folder/data` if it is new, and return the command to run."""
    libs = install()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "server.properties"
    file.write_text(settings)
    if not (folder / "data").exists():
        run(_java(libs, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(file)))
    return _java(libs, "kafka.Kafka", str(file), options=options)


def start(folder: Path) -> RunningBroker:
    """Start one broker and wait until it answers."""
    port, controller_port = free_ports(2)
    command = prepare(folder, port=port, controller_port=controller_port)
    part = Part("kafka", command, log=folder / "kafka.log")
    return ready("kafka", part, port, transactional=True, deadline_s=START_S)


def main() -> None:
    """Become the broker."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--folder", type=Path, required=True, help="for its data and settings")
    asked.add_argument("--port", type=int, required=True, help="on loopback, for clients")
    given = asked.parse_args()
    try:
        command = prepare(given.folder, port=given.port, controller_port=free_ports(1)[0])
    except PartError as error:
        sys.exit(str(error))
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def _fetch(folder: Path) -> None:
    maven.copy(HERE / "pom.xml", folder)
    seen = run(_java(folder, "kafka.Kafka", "--version"))
    if version() not in seen:
        raise PartError(f"{folder}: asked for Kafka {version()}, the tool says {seen.strip()!r}")


def _java(libs: Path, main_class: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    java = shutil.which("java") or "java"
    logs = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return [java, *options, logs, "-cp", f"{libs}/*", main_class, *arguments]


if __name__ == "__main__":
    main()
