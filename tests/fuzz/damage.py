"""Good bytes and texts, damaged in the ways of the world: cut, repeated, swapped, made absurd."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

WORDS = (
    *("", " ", "~", "null", "true", "off", "-", "- ", ":", ": ", "{", "}", "[", "]", ",", "|", ">"),
    *("0", "-1", "1e308", "-1e999", "nan", ".inf", "2x", "100%", "-5%", "10000%", "0bp", "1e-9%"),
    *("1h", "0s", "-3m", "9" * 40, "1.10", "0x1f", "2001-01-01", "!!python/object:os.system x"),
    *(
        "&a",
        "*a",
        "&a [*a]",
        "<<: *a",
        "!!binary aGk=",
        "!!set {a}",
        "%YAML 9.9",
        "---",
        "...",
        "#",
    ),
    *("\t", "\n", "\r\n", "\x00", "\x85", "\u2028", "\ufeff", "ü", "\U0001f980", "'", '"', "\\"),
    *(
        "{}",
        "[]",
        "[[[[[[",
        "{a: {a: {a: {}}}}",
        "__proto__",
        "../../etc/passwd",
        "${HOME}",
        "%s%n",
    ),
)
NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63), 10**40, 0.0, -0.0, 1e308, 1e-308, float("nan"))


def damaged_texts(bases: Sequence[str]) -> st.SearchStrategy[str]:
    """One of the texts after some damage; lines are moved, words are replaced."""

    @st.composite
    def text(draw: Any) -> str:
        lines = draw(st.sampled_from(bases)).splitlines()
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, max(0, len(lines) - 1)))
            lines = _damaged(draw, lines, at, bases)
        return "\n".join(lines)

    return text()


def _damaged(draw: Any, lines: list[str], at: int, bases: Sequence[str]) -> list[str]:
    """The lines with the one at `at` changed, or all from there on."""
    line, after = (lines[at] if lines else ""), lines[at + 1 :]
    match draw(st.sampled_from(["drop", "twice", "word", "value", "insert", "indent", "graft"])):
        case "drop":
            new = []
        case "twice":
            new = [line, line]
        case "word":
            where = draw(st.integers(0, len(line)))
            new = [line[:where] + draw(words()) + line[where:]]
        case "value":
            new = [f"{line.partition(':')[0]}: {draw(words())}"]
        case "insert":
            new = [draw(words()), line]
        case "indent":
            new = [" " * draw(st.integers(1, 5)) + line]
        case _:
            new, after = draw(st.sampled_from(bases)).splitlines()[at:], []
    return [*lines[:at], *new, *after]


def words() -> st.SearchStrategy[str]:
    """A short text, mostly one that means something to some parser."""
    return st.sampled_from(WORDS) | st.text(max_size=12)


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value, absurd numbers among them."""
    scalars = st.none() | st.booleans() | st.sampled_from(NUMBERS) | words() | st.integers()
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words(), inner, max_size=3),
        max_leaves=8,
    )


def damaged_json(bases: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of the JSON values with one or two places replaced, dropped or doubled."""

    @st.composite
    def value(draw: Any) -> Any:
        whole = draw(st.sampled_from(bases))
        for _ in range(draw(st.integers(1, 2))):
            paths = list(_paths(whole))
            path = draw(st.sampled_from(paths))
            whole = _replaced(whole, path, draw(json_values()), drop=draw(st.booleans()))
        return whole

    return value()


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    match value:
        case dict():
            for key, inner in value.items():
                yield from _paths(inner, (*path, key))
        case list():
            for at, inner in enumerate(value):
                yield from _paths(inner, (*path, at))


def _replaced(whole: Any, path: tuple[Any, ...], new: Any, *, drop: bool) -> Any:
    """The value with what stands at the path replaced, or dropped."""
    if not path:
        return new
    (first, *rest), last = path, len(path) == 1
    put = {} if last and drop else {first: _replaced(whole[first], tuple(rest), new, drop=drop)}
    if isinstance(whole, dict):
        return {key: inner for key, inner in whole.items() if key != first} | put
    return [*whole[:first], *put.values(), *whole[first + 1 :]]
