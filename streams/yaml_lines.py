"""Which line of a YAML file says this?

YAML read as nodes that know their file and line, for messages of the form `file:line: what`.
Scalars keep the text that was written: `1.10` stays a version and does not become a number.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from streams.errors import DavyError


def compose(text: str, *, name: str, error: type[DavyError]) -> yaml.Node | None:
    """Node tree of one YAML document, None for an empty one; raises `error` at the bad line."""
    loader = yaml.SafeLoader(text)
    loader.name = name
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        line = "" if mark is None else f":{mark.line + 1}"
        if mark is not None and _tab_at(text, mark):
            problem = "a tab stands here — YAML takes no tabs: use spaces, not tabs"
        else:
            problem = f"this is not YAML: {failure.problem}"
        # Without the parser's own error, which shows the line: a password may stand there.
        raise error(f"{name}{line}: {problem}") from None
    except yaml.YAMLError as failure:
        raise error(f"{name}: this is not YAML: {failure}") from None
    finally:
        loader.dispose()


def _tab_at(text: str, mark: yaml.Mark) -> bool:
    """Whether a tab is what is wrong: at the mark itself, or in front of its line."""
    line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    indent = line[: len(line) - len(line.lstrip())]
    return "\t" in indent or line[mark.column : mark.column + 1] == "\t"


def compose_file(path: Path, *, error: type[DavyError]) -> yaml.Node | None:
    """`compose` of a UTF-8 file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as failure:
        raise error(f"{path}: cannot be read: {failure.strerror}") from failure
    except UnicodeDecodeError as failure:
        raise error(f"{path}: is not UTF-8 (byte {failure.start}); save it as UTF-8") from failure
    return compose(text, name=str(path), error=error)


def where(node: yaml.Node) -> str:
    """`file:line` at which the node begins."""
    return f"{node.start_mark.name}:{node.start_mark.line + 1}"


def entries(
    node: yaml.Node, *, what: str, error: type[DavyError]
) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key -> (key node, value node) of a mapping; keys given twice are refused."""
    if not isinstance(node, yaml.MappingNode):
        raise error(f"{where(node)}: {what} is {kind(node)} — write it as `key: value` lines")
    found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise error(f"{where(key)}: a key in {what} is {kind(key)} — use a plain word")
        if key.value in found:
            first = where(found[key.value][0])
            raise error(f"{where(key)}: {key.value} stands twice, first at {first} — keep one")
        found[key.value] = (key, value)
    return found


def kind(node: yaml.Node) -> str:
    """What a person would call this node."""
    match node:
        case yaml.MappingNode():
            return "a mapping"
        case yaml.SequenceNode():
            return "a list"
        case yaml.ScalarNode(tag="tag:yaml.org,2002:null"):
            return "empty"
        case _:
            return f"`{node.value}`"


def plain(node: yaml.Node) -> Any:
    """The node as plain values (dict, list, str, int, float, bool, None); dates stay text."""
    match node:
        case yaml.MappingNode():
            return {str(key.value): plain(value) for key, value in node.value}
        case yaml.SequenceNode():
            return [plain(item) for item in node.value]
        case yaml.ScalarNode(tag="tag:yaml.org,2002:timestamp"):
            return node.value
        case _:
            return yaml.safe_load(yaml.serialize(node, Dumper=yaml.SafeDumper))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or the list of what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"write one of: {', '.join(names)}"
