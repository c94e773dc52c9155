"""What may stand under `target.options`? Reading options with errors that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.errors import TargetRejected


def check_names(options: Mapping[str, Any], *, known: Sequence[str], router: str) -> None:
    """TargetRejected on an option that the router does not know."""
    if unknown := sorted(options.keys() - set(known)):
        raise TargetRejected(
            f"target.options: {router} does not know {', '.join(unknown)}; "
            f"it knows {', '.join(known)}"
        )


def text(options: Mapping[str, Any], name: str, *, router: str) -> str:
    """A text that must be there."""
    value = options.get(name)
    if not isinstance(value, str) or not value:
        raise TargetRejected(f"target.options.{name}: {router} needs it, as text; got {value!r}")
    return value


def optional_text(options: Mapping[str, Any], name: str, *, router: str) -> str | None:
    """A text that may be left out."""
    return None if options.get(name) is None else text(options, name, router=router)


def flag(options: Mapping[str, Any], name: str, *, router: str) -> bool:
    """True or false; false if left out."""
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise TargetRejected(f"target.options.{name}: {router} needs true or false; got {value!r}")
    return value


def per_arm(
    options: Mapping[str, Any], name: str, arms: Sequence[str], *, router: str
) -> dict[str, str]:
    """Arm -> text, in the order of the arms; every arm once and no two alike."""
    value = options.get(name)
    if not isinstance(value, Mapping) or value.keys() != set(arms):
        got = sorted(value) if isinstance(value, Mapping) else value
        raise TargetRejected(
            f"target.options.{name}: {router} needs one name for each of {', '.join(arms)}; "
            f"got {got!r}"
        )
    names = {arm: str(value[arm]) for arm in arms}
    if len(set(names.values())) < len(names):
        raise TargetRejected(f"target.options.{name}: two arms share one name: {names}")
    return names
