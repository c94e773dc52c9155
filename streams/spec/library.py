"""Which example specs come with davy? Commented YAML by name: what to begin one's own with.

They stand in `infra/examples`, and in `streams/_examples` of an installed davy.
"""

from __future__ import annotations

from pathlib import Path

from streams.errors import SpecError
from streams.yaml_lines import did_you_mean

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_examples", _PACKAGE.parent / "infra" / "examples")
NO_SPEC = "davy"
"""The settings lie there too."""


def example_names() -> tuple[str, ...]:
    """Every example, by the name of its file."""
    return tuple(sorted(path.stem for path in _folder().glob("*.yaml") if path.stem != NO_SPEC))


def example(name: str) -> str:
    """The YAML of an example.

    Raises:
        SpecError: there is none of that name.
    """
    names = example_names()
    if name not in names:
        raise SpecError(f"there is no example `{name}`; {did_you_mean(name, names)}")
    return (_folder() / f"{name}.yaml").read_text(encoding="utf-8")


def first_sentence(text: str) -> str:
    r"""What an example says that it is for: its head comment up to the first `.`, `?` or `:`.

    >>> first_sentence("# Only speed? Then this.\nservice: digits\n")
    'Only speed?'
    """
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    told = " ".join(lines)
    ends = [told.find(f"{sign} ") for sign in ".?:"]
    end = min((place for place in ends if place >= 0), default=len(told) - 1)
    return told[: end + 1].rstrip(":")


def _folder() -> Path:
    for place in _PLACES:
        if (place / "rollout.yaml").is_file():
            return place
    looked = " and ".join(str(place) for place in _PLACES)
    raise SpecError(f"no examples in {looked}; install davy again")
