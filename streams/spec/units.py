"""How do people write a share, a weight, a time, a tolerated change?

One parser per unit, and its formatter in `streams.spec.formats`. A bare number is refused wherever
it could mean two things (is `5` 5 % or 500 %?).
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from streams.spec.model import FULL_BP, LONGEST_WORDS

NUMBER = r"\d+(?:\.\d+)?"
WEIGHT = rf"^(?:{NUMBER}%|\d+ ?bp)$"
DURATION = rf"^(?:{NUMBER} ?(?:ms|s|m|h|d) ?)+$"
MARGIN = rf"^(?:\+?{NUMBER}%|{NUMBER}x|0)$"
SHARE = rf"^(?:>=? ?)?{NUMBER} ?(?:%|pp|bp)$"
CHANGE = rf"^[+-]{NUMBER}%$"
MOST = rf"^(?:<=? ?)?{NUMBER} ?(?:%|pp|bp)$"
USE = rf"^(?:<=? ?)?{NUMBER} ?%$"
NATS = rf"^(?:<=? ?)?{NUMBER}(?: ?nats)?$"
PROBABILITY = rf"^(?:{NUMBER}%|0?\.\d+)$"
PART = rf"^{NUMBER}%$"
COUNT = r"^\d[\d_]*$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
SECONDS = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
LARGEST_JSD = math.log(2)
SHORTEST_MS, LONGEST_MS = 0.01, 7_200_000.0
"""What latency sketches tell apart."""
LONGEST_D = 365
"""No rollout waits longer for anything, in days."""


class UnitError(ValueError):
    """Text that is not in the unit that was asked for; `instead` is what to write."""

    def __init__(self, problem: str, instead: str) -> None:
        super().__init__(f"{problem} — {instead}")
        self.problem = problem
        self.instead = instead


def weight(text: str) -> int:
    """A traffic weight in basis points: `2%`, `0.5%`, `1bp`.

    >>> weight("2.5%"), weight("1bp")
    (250, 1)
    """
    if not re.match(WEIGHT, text):
        raise UnitError(f"`{text}` is no traffic weight", "write it as `2%` or `1bp`")
    basis_points = _number(text) * (100 if text.endswith("%") else 1)
    if basis_points != int(basis_points):
        raise UnitError(f"{text} is finer than 1bp (0.01%)", "round it to whole basis points")
    if not 0 < basis_points <= FULL_BP:
        raise UnitError(f"{text} is outside 1bp to 100%", "write a weight between them")
    return int(basis_points)


def duration(text: str) -> float:
    """A time in seconds: `300ms`, `10s`, `2h`, `1h 30m`.

    >>> duration("1h 30m"), duration("300ms")
    (5400.0, 0.3)
    """
    if not re.match(DURATION, text):
        raise UnitError(f"`{text}` is no time", "write it as `300ms`, `10s`, `15m`, `12h` or `2d`")
    parts = re.findall(rf"({NUMBER}) ?(ms|s|m|h|d)", text)
    found = sum(Decimal(number) * SECONDS[unit] for number, unit in parts)
    if found > LONGEST_D * SECONDS["d"]:
        raise UnitError(
            f"{text} is longer than {LONGEST_D} days", "write a time that comes to pass"
        )
    return float(found)


def milliseconds(text: str) -> float:
    """A latency above 0 in milliseconds: `300ms`, `1.5s`.

    >>> milliseconds("1.5s")
    1500.0
    """
    found = float(Decimal(repr(duration(text))) * 1000)
    if not SHORTEST_MS <= found <= LONGEST_MS:
        raise UnitError(f"{text} is outside 0.01ms to 2h", "write e.g. `300ms`")
    return found


def margin(text: str) -> float:
    """A tolerated relative rise: `+25%` is .25, `2x` is 1, `0` is none.

    >>> margin("+25%"), margin("2x")
    (0.25, 1.0)
    """
    if text.startswith("-"):
        raise UnitError(
            f"the margin {text} is negative",
            "a margin is the rise that you tolerate: write `+10%`, or `0%` for none",
        )
    if not re.match(MARGIN, text):
        raise UnitError(f"`{text}` is no tolerated change", "write it as `+25%` or `2x`")
    if text.endswith("x"):
        if _number(text) < 1:
            raise UnitError(f"{text} asks for a fall", "write `1x` or more, e.g. `2x`")
        return float(_number(text) - 1)
    return float(_number(text) / 100)


def change(text: str) -> float:
    """A tolerated change with its side: `-2%` is -.02 (less is harm), `+5%` is .05 (more is).

    >>> change("-2%"), change("-0%"), change("+5%")
    (-0.02, -0.0, 0.05)
    """
    if not re.match(CHANGE, text):
        raise UnitError(
            f"`{text}` is no change with a side",
            "write `-2%` where less is harm and 2 % less is tolerated, `+5%` where more is harm",
        )
    found = float(_number(text) / 100)
    if text.startswith("-") and found >= 1:
        raise UnitError(f"{text} tolerates that nothing is left", "write less than 100%")
    return -found if text.startswith("-") else found


def sample(text: str) -> float:
    """A share of the requests, above 0: `10%`, `100%`."""
    found = float(_number(text) / 100) if re.match(PART, text) else 0.0
    if not 0 < found <= 1:
        raise UnitError(f"`{text}` is no part of the requests", "write e.g. `10%`, at most `100%`")
    return found


def window(text: str) -> float:
    """A time of at least a second, so that its 128th part is some milliseconds."""
    found = duration(text)
    if found < 1:
        raise UnitError(f"{text} is shorter than 1s", "write the longest time to an outcome")
    return found


def fall(text: str) -> float:
    """A tolerated fall of what is better the higher it is: `-2%` is -.02."""
    found = change(text)
    if math.copysign(1.0, found) > 0:
        raise UnitError(f"{text} is a rise, and higher is better here", "write e.g. `-2%`")
    return found


def share(text: str) -> float:
    """A share of requests, in [0, 1): `99.5%`, `0.5pp`, `10bp`; a leading `>=` is allowed.

    >>> share(">= 99.5%"), share("0.5pp"), share("10bp")
    (0.995, 0.005, 0.001)
    """
    if not re.match(SHARE, text):
        raise UnitError(f"`{text}` is no share", "write it as `99.5%`, `0.5pp` or `10bp`")
    found = _number(text) / (FULL_BP if text.endswith("bp") else 100)
    if found >= 1:
        raise UnitError(f"{text} leaves no room for a single failure", "write less than 100%")
    return float(found)


def most(text: str) -> float:
    """A largest share of requests, in (0, 1): `5%`; a leading `<=` is allowed.

    >>> most("<= 5%"), most("50bp")
    (0.05, 0.005)
    """
    found = share(re.sub(r"^<=? ?", "", text))
    if found <= 0:
        raise UnitError(f"{text} tolerates nothing", "write a share above 0, e.g. `5%`")
    return found


def use(text: str) -> float:
    """Most use for long, a share of the pods' own limit in (0, 1]: `80%`, `< 80%`.

    >>> use("80%"), use("< 100%")
    (0.8, 1.0)
    """
    if not re.match(USE, text):
        raise UnitError(f"`{text}` is no share of a limit", "write it as `80%`")
    found = float(_number(text) / 100)
    if not 0 < found <= 1:
        raise UnitError(f"{text} is outside (0, 100%]", "write e.g. `80%`")
    return found


def nats(text: str) -> float:
    """A Jensen-Shannon divergence in nats, below log 2: `0.05`, `< 0.05`, `0.05 nats`."""
    if not re.match(NATS, text):
        raise UnitError(
            f"`{text}` is no divergence", "write it in nats, e.g. `0.05` (0 is equal, 0.693 most)"
        )
    found = float(_number(text))
    if not 0 < found < LARGEST_JSD:
        raise UnitError(
            f"{text} is outside (0, 0.693)",
            "a Jensen-Shannon divergence in nats ends at log 2; write e.g. `0.05`",
        )
    return found


def probability(text: str) -> float:
    """An error probability in (0, .5): `1%`, `0.01`."""
    if not re.match(PROBABILITY, text):
        raise UnitError(f"`{text}` is no error probability", "write it as `1%` or `0.01`")
    found = float(_number(text) / (100 if text.endswith("%") else 1))
    if not 0 < found < 0.5:  # noqa: PLR2004 - a coin decides at one half
        raise UnitError(f"{text} is outside (0, 50%)", "write e.g. `1%`")
    return found


def part(text: str) -> float:
    """A part of a whole, above 0 and below all: `50%`.

    >>> part("50%")
    0.5
    """
    if not re.match(PART, text):
        raise UnitError(f"`{text}` is no part", "write it as `50%`")
    found = float(_number(text) / 100)
    if not 0 < found < 1:
        raise UnitError(f"{text} is none or all of it", "write e.g. `50%`")
    return found


def count(text: str) -> int:
    """A whole number: `500`, `10_000`."""
    if not re.match(COUNT, text):
        raise UnitError(f"`{text}` is no count", "write a whole number, e.g. `500`")
    return int(text)


def positive(text: str) -> float:
    """A plain number above 0: a weight among metrics."""
    if not re.match(rf"^{NUMBER}$", text) or not float(text) > 0:
        raise UnitError(f"`{text}` is no positive number", "write e.g. `1` or `2.5`")
    return float(text)


def name(text: str) -> str:
    """A name: letters, digits, `.`, `_`, `-`; at most 128; begins with a letter or digit."""
    if not re.match(NAME, text):
        raise UnitError(
            f"`{text}` is no name", "use letters, digits, `.`, `_`, `-`; begin with a letter"
        )
    return text


def words(text: str) -> str:
    """Any text of 1 to 256 printable characters: a service, a model version."""
    if not text.strip() or len(text) > LONGEST_WORDS or not text.isprintable():
        raise UnitError(
            "this is empty, too long or not printable", f"write 1 to {LONGEST_WORDS} characters"
        )
    return text


def _number(text: str) -> Decimal:
    found = re.search(rf"{NUMBER}|\.\d+", text)
    if found is None:
        raise UnitError(f"`{text}` holds no number", "write one")
    return Decimal(found.group())
