"""How does a Java program that is not davy's read topics? `infra/readers/AvroReader.java`, run.

Its libraries come from Maven Central; the source is compiled by the Java that starts it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.rigs import maven
from infra.rigs.cache import run

HERE = Path(__file__).parents[1] / "readers"
OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
DEADLINE_S = 60.0


def install() -> Path:
    """The folder with its jars, fetched once; Absent without a JDK or Maven."""
    return maven.jars("avro-reader", HERE / "pom.xml", "javac")


def read(
    bootstrap: str, registry: str, topics: Sequence[str], properties: Path | None = None
) -> list[dict[str, Any]]:
    """Every record of the topics as the program tells it.

    `properties`: a file of Kafka client properties, for brokers that ask who one is.

    Raises:
        Absent: no JDK or Maven.
        PartError: it failed; with what it said.
    """
    command = ["java", *OPTIONS, "-cp", f"{install()}/*", str(HERE / "AvroReader.java")]
    env = {} if properties is None else {"KAFKA_PROPERTIES": str(properties)}
    said = run([*command, bootstrap, registry, *topics], env=env, deadline_s=DEADLINE_S)
    return [json.loads(line) for line in said.splitlines()]
