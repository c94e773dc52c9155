"""What may stand under `target.options`? Reading options with errors that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.errors import TargetRejected
from streams.secret_files import without_credentials
from streams.yaml_lines import did_you_mean


class OptionError(TargetRejected):
    """An option that the router cannot work with; `option` is empty where it is all of them."""

    def __init__(self, message: str, *, option: str = "") -> None:
        super().__init__(message)
        self.option = option


def check_names(options: Mapping[str, Any], *, known: Sequence[str], router: str) -> None:
    """OptionError on an option that the router does not know."""
    for name in options:
        if name not in known:
            raise OptionError(
                f"target.options: {router} does not know {name} — {did_you_mean(name, known)}",
                option=name,
            )


def text(options: Mapping[str, Any], name: str, *, router: str, example: str) -> str:
    """A text that must be there."""
    value = options.get(name)
    if not isinstance(value, str) or not value:
        got = f"; got {value!r}" if name in options else ""
        raise OptionError(
            f"target.options.{name}: {router} needs it, as text{got} — write `{name}: {example}`",
            option=name,
        )
    return value


def optional_text(
    options: Mapping[str, Any], name: str, *, router: str, example: str
) -> str | None:
    """A text that may be left out."""
    if options.get(name) is None:
        return None
    return text(options, name, router=router, example=example)


def optional_url(options: Mapping[str, Any], name: str, *, router: str, example: str) -> str | None:
    """An address over HTTP that may be left out."""
    address = optional_text(options, name, router=router, example=example)
    if address is not None and not address.startswith(("http://", "https://")):
        raise OptionError(
            f"target.options.{name}: {address} is no address — write it as {example}", option=name
        )
    if address is not None and without_credentials(address) != address:
        raise OptionError(
            f"target.options.{name}: a password in an address would stand in Kafka and in logs — "
            f"leave it out, and let davy in by where it comes from: {example}",
            option=name,
        )
    return address


def flag(options: Mapping[str, Any], name: str, *, router: str) -> bool:
    """True or false; false if left out."""
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise OptionError(
            f"target.options.{name}: {router} cannot take {value!r} — write `true` or `false`",
            option=name,
        )
    return value


def number(
    options: Mapping[str, Any], name: str, *, router: str, least: int, most: int, default: int
) -> int:
    """A whole number within limits."""
    value = options.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise OptionError(
            f"target.options.{name}: {router} cannot take {value!r} — write a whole number of "
            f"{least} to {most}, e.g. `{name}: {default}`",
            option=name,
        )
    return value


def words(options: Mapping[str, Any], name: str, *, router: str, example: str) -> tuple[str, ...]:
    """A list of texts, at least one."""
    value = options.get(name)
    good = isinstance(value, list | tuple) and value and all(isinstance(v, str) for v in value)
    if not good:
        got = f"; got {value!r}" if name in options else ""
        raise OptionError(
            f"target.options.{name}: {router} needs it, as a list of texts{got} — write "
            f"`{name}: {example}`",
            option=name,
        )
    return tuple(value or ())


def per_arm(
    options: Mapping[str, Any], name: str, arms: Sequence[str], *, router: str
) -> dict[str, str]:
    """Arm -> text, in the order of the arms; every arm once and no two alike."""
    value = options.get(name)
    if problem := _per_arm_problem(value, arms):
        example = ", ".join(f"{arm}: {arm}-{name.removesuffix('s')}" for arm in arms)
        raise OptionError(
            f"target.options.{name}: {router} needs one name for each of {', '.join(arms)}; "
            f"{problem} — write e.g. `{name}: {{{example}}}`",
            option=name,
        )
    return {arm: str(value[arm]) for arm in arms} if isinstance(value, Mapping) else {}


def some_arms(
    options: Mapping[str, Any], name: str, arms: Sequence[str], *, router: str
) -> dict[str, str]:
    """Arm -> text, for as many of the arms as are given; none if left out."""
    value = options.get(name) or {}
    known = isinstance(value, Mapping) and all(arm in arms and value[arm] for arm in value)
    if not known:
        example = f"{name}: {{{arms[-1]}: {arms[-1]}-service}}"
        raise OptionError(
            f"target.options.{name}: {router} needs names by arm ({', '.join(arms)}); "
            f"got {value!r} — write e.g. `{example}`",
            option=name,
        )
    return {str(arm): str(given) for arm, given in value.items()}


def choice(options: Mapping[str, Any], name: str, known: Sequence[int], *, router: str) -> int:
    """One of these numbers; the first if left out."""
    value = options.get(name, known[0])
    if isinstance(value, bool) or value not in known:
        raise OptionError(
            f"target.options.{name}: {router} cannot take {value!r} — write one of "
            f"{', '.join(map(str, known))}",
            option=name,
        )
    return int(value)


def _per_arm_problem(value: object, arms: Sequence[str]) -> str:
    """What is wrong with names by arm; empty if nothing is."""
    if value is None:
        return "there is none"
    if not isinstance(value, Mapping):
        return f"got {value!r}"
    if missing := [arm for arm in arms if value.get(arm) in (None, "")]:
        return f"there is none for {', '.join(missing)}"
    if strangers := [str(arm) for arm in value if arm not in arms]:
        return f"there is no arm {', '.join(strangers)}"
    names = [str(value[arm]) for arm in arms]
    return f"two arms share one name: {', '.join(names)}" if len(set(names)) < len(names) else ""
