"""All settings of davy in one table: names, defaults, and what their docstrings say."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator

from pydantic import BaseModel

from streams.settings import SECTIONS, Settings

Row = tuple[str, str, str]


def rows() -> list[Row]:
    """Name as in `davy.yaml`, default, and a sentence."""
    return list(_rows(Settings, ""))


def _rows(model: type[BaseModel], above: str) -> Iterator[Row]:
    says = _sentences(model)
    for name, field in model.model_fields.items():
        if name in SECTIONS and not above:
            yield from _rows(SECTIONS[name], f"{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        nothing = default is None or default in ({}, (), "")
        yield f"`{above}{name}`", "" if nothing else f"`{_plain(default)}`", says.get(name, "")


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sentences(model: type[BaseModel]) -> dict[str, str]:
    """The docstring below each field, in one line."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, below in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[field.target.id] = " ".join(text.split())
    return found
