"""Does a call keep to AWS's model of the service? botocore looks at types alone before it sends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.actuator.aws.wires import Answer, Call, error


def keeps_to_the_model(call: Call) -> Answer | None:
    """Refuse a call whose values AWS would refuse: pattern, length, range, enumeration, union."""
    if wrong := list(violations(call.model.input_shape, call.parameters, call.operation)):
        return error(400, "ValidationException", "; ".join(wrong))
    return None


def violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What is wrong with a value of this shape."""
    match shape.type_name:
        case "structure":
            yield from _structure(shape, value, path)
        case "list":
            yield from _size(shape, len(value), path)
            for index, item in enumerate(value):
                yield from violations(shape.member, item, f"{path}[{index}]")
        case "map":
            yield from _size(shape, len(value), path)
            for key, item in value.items():
                yield from violations(shape.key, key, f"{path} key")
                yield from violations(shape.value, item, f"{path}.{key}")
        case "string":
            yield from _size(shape, len(value), path)
            yield from _text(shape, value, path)
        case "integer" | "long" | "float" | "double":
            yield from _size(shape, value, path)


def _structure(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    missing = [name for name in shape.required_members if name not in value]
    strange = value.keys() - shape.members.keys()
    if missing or strange:
        yield f"{path}: lacks {missing}, does not know {sorted(strange)}"
    if shape.is_tagged_union and len(value) != 1:
        yield f"{path}: exactly one member is needed, got {sorted(value)}"
    for name in value.keys() & shape.members.keys():
        yield from violations(shape.members[name], value[name], f"{path}.{name}")


def _size(shape: Any, size: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min", size), shape.metadata.get("max", size)
    if not least <= size <= most:
        yield f"{path}: {size} is not within {least} and {most}"


def _text(shape: Any, value: str, path: str) -> Iterator[str]:
    pattern = shape.metadata.get("pattern", "")
    pattern = pattern.replace(r"\p{L}\p{Z}\p{N}_", r"\w\s")
    if r"\p" in pattern:
        yield f"{path}: the pattern {pattern} cannot be checked here"
    elif pattern and not re.fullmatch(pattern, value):
        yield f"{path}: {value} does not match {pattern}"
    if shape.enum and value not in shape.enum:
        yield f"{path}: {value} is none of {shape.enum}"
