"""Which line of a YAML file says this?

YAML read as nodes that know their file and line, for messages of the form `file:line: what`.
Scalars keep the text that was written: `1.10` stays a version and does not become a number.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from streams.errors import DavyError

LARGEST_NODES = 200_000
"""Of a file, with what aliases repeat counted each time."""
_KINDS = ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in _KINDS)


def compose(text: str, *, name: str, error: type[DavyError]) -> yaml.Node | None:
    """Node tree of one YAML document, None for an empty one; raises `error` at the bad line."""
    try:
        root = _document(text, name)
        if root is not None:
            _check(root, error)
    except RecursionError:
        raise error(f"{name}: this is nested too deeply — no file of davy's is") from None
    except yaml.reader.ReaderError as failure:
        number = text.count("\n", 0, failure.position) + 1
        raise error(
            f"{name}:{number}: a sign stands here that YAML does not take (code "
            f"{failure.character!r}) — remove it"
        ) from None
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
    return root


def _check(root: yaml.Node, error: type[DavyError]) -> None:
    """Refuse foreign types, and aliases that unfold to more than anybody writes, or for ever."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = LARGEST_NODES  # met again inside itself, it never ends
            sizes[id(node)] = 1 + sum(map(size, _below(node)))
        if node.tag not in TAGS:
            raise error(f"{where(node)}: {node.tag} is no plain value — leave the tag (!) out")
        if sizes[id(node)] >= LARGEST_NODES:
            raise error(f"{where(node)}: aliases (*) make this too large — write it out")
        return sizes[id(node)]

    size(root)


def _below(node: yaml.Node) -> Iterable[yaml.Node]:
    match node:
        case yaml.MappingNode():
            return (one for pair in node.value for one in pair)
        case yaml.SequenceNode():
            return list(node.value)
        case _:
            return ()


def _document(text: str, name: str) -> yaml.Node | None:
    loader = yaml.SafeLoader(text)
    loader.name = name
    try:
        return loader.get_single_node()
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


def plain(node: yaml.Node, *, error: type[DavyError]) -> Any:
    """The node as plain values (dict, list, str, int, float, bool, None).

    Dates stay text, and so does a number that JSON could not hold.
    """
    match node:
        case yaml.MappingNode():
            below = entries(node, what="this", error=error)
            return {key: plain(value, error=error) for key, (_, value) in below.items()}
        case yaml.SequenceNode():
            return [plain(item, error=error) for item in node.value]
        case yaml.ScalarNode(tag="tag:yaml.org,2002:timestamp"):
            return node.value
        case _:
            return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    try:
        found = yaml.SafeLoader("").construct_object(node)
    except ValueError:  # an integer of thousands of digits
        return node.value
    odd = isinstance(found, float) and not math.isfinite(found)
    return node.value if odd else found


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or the list of what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"write one of: {', '.join(names)}"
