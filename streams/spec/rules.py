"""How are targeting rules written? A list under `targeting`, each rule one key.

Rules and values come in one order however the file is written, so that the spec's hash speaks of
content alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import assert_never

import yaml

from streams.spec import units
from streams.spec.formats import format_weight
from streams.spec.provenance import Source
from streams.spec.reader import Block, listed, refuse, scalar, written
from streams.spec.targeting import (
    HEADER,
    MOST_RULES,
    MOST_USERS,
    MOST_VALUES,
    VALUE,
    HeaderRule,
    PrefixRule,
    Rule,
    UserHashRule,
    UsersRule,
)
from streams.spec.units import UnitError

EXAMPLE = "targeting: [{header: {name: x-tier, values: [free, beta]}}]"
KINDS = ("header", "users", "user_hash")
Rules = tuple[tuple[Rule, ...], dict[str, Source]]


def read_targeting(node: yaml.Node | None) -> Rules:
    """The rules, and where each was written under `targeting[0]`, ...; none without a node."""
    if node is None:
        return (), {}
    items = listed(node, what="targeting", instead=f"write a list of rules, e.g. `{EXAMPLE}`")
    if len(items) > MOST_RULES:
        refuse(node, f"targeting has {len(items)} rules", f"write at most {MOST_RULES}")
    told = [(_rule(item), item) for item in items]
    told.sort(key=lambda rule: rule[0].model_dump_json())
    _check_together(told)
    sources = {f"targeting[{index}]": written(item) for index, (_, item) in enumerate(told)}
    return tuple(rule for rule, _ in told), sources


def _check_together(told: list[tuple[Rule, yaml.Node]]) -> None:
    headers: set[str] = set()
    for index, (rule, node) in enumerate(told):
        if rule in [other for other, _ in told[:index]]:
            refuse(node, "this rule stands twice", "leave one of them out")
        if isinstance(rule, UserHashRule):
            headers.add(rule.header)
            if len(headers) > 1:
                names = " and ".join(sorted(headers))
                refuse(node, f"user_hash looks at {names}", "name users by one header")


def _rule(item: yaml.Node) -> Rule:
    block = Block(item, what="a targeting rule", known=KINDS)
    given = [key for key in KINDS if key in block]
    if len(given) != 1:
        refuse(item, f"a targeting rule says {' and '.join(given) or 'nothing'}", "give it one key")
    inner = block.need(given[0], example=EXAMPLE)
    match given[0]:
        case "header":
            return _header(inner)
        case "users":
            return _users(inner)
        case _:
            return _user_hash(inner)


def _header(node: yaml.Node) -> Rule:
    block = Block(node, what="header", known=("name", "values", "prefix"))
    name = _header_name(block, "name", "name: x-tier")
    if ("values" in block) == ("prefix" in block):
        refuse(node, "header needs `values` or `prefix`", "write one of them: `values: [free]`")
    if "prefix" in block:
        prefix = scalar(block.need("prefix", example="prefix: be"), header_value, what="prefix")
        return PrefixRule(header=name, prefix=prefix)
    values = block.need("values", example="values: [free, beta]")
    return HeaderRule(header=name, values=_values(values, "values", MOST_VALUES))


def _users(node: yaml.Node) -> Rule:
    block = Block(node, what="users", known=("header", "list"))
    name = _header_name(block, "header", "header: x-user-id")
    names = block.need("list", example="list: [u-1, u-2]")
    return UsersRule(header=name, users=_values(names, "list", MOST_USERS))


def _user_hash(node: yaml.Node) -> Rule:
    block = Block(node, what="user_hash", known=("header", "from", "to"))
    name = _header_name(block, "header", "header: x-user-id")
    low = block.take("from", bound, default="0%").value
    high = scalar(block.need("to", example="to: 20%"), bound, what="to")
    if low >= high:
        refuse(node, "user_hash holds nobody", "write `from` below `to`, e.g. `from: 0%, to: 20%`")
    return UserHashRule(header=name, from_bp=low, to_bp=high)


def _header_name(block: Block, key: str, example: str) -> str:
    return scalar(block.need(key, example=example), header_name, what=key)


def _values(node: yaml.Node, what: str, most: int) -> tuple[str, ...]:
    items = listed(node, what=what, instead="write a list: `[free, beta]`")
    if len(items) > most:
        refuse(
            node,
            f"{what} holds {len(items)} names",
            f"write at most {most}; for more let your edge set one header and match on that",
        )
    found_values: set[str] = set()
    for item in items:
        value = scalar(item, header_value, what=f"a name in {what}")
        if value in found_values:
            refuse(item, f"{value} stands twice", "leave one of them out")
        found_values.add(value)
    return tuple(sorted(found_values))


def header_name(text: str) -> str:
    """The name of a request header, in lower case."""
    if not re.match(HEADER, text):
        raise UnitError(f"`{text}` is no header name", "write e.g. `x-tier`")
    return text.lower()


def header_value(text: str) -> str:
    """A value of a request header."""
    if not re.match(VALUE, text):
        raise UnitError(
            f"`{text}` is no header value that routers can match",
            "use 1 to 256 printable ASCII characters without a comma",
        )
    return text


def bound(text: str) -> int:
    """An end of a range of users in basis points: `0%`, `20%`, `50bp`.

    >>> bound("0%"), bound("12.5%")
    (0, 1250)
    """
    return 0 if text in {"0%", "0bp", "0"} else units.weight(text)


def rule_lines(rules: tuple[Rule, ...]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Key and plain values of each rule, as `read_targeting` reads them."""
    for rule in rules:
        yield from _written(rule).items()


def _written(rule: Rule) -> Mapping[str, Mapping[str, object]]:
    match rule:
        case HeaderRule():
            return {"header": {"name": rule.header, "values": list(rule.values)}}
        case PrefixRule():
            return {"header": {"name": rule.header, "prefix": rule.prefix}}
        case UsersRule():
            return {"users": {"header": rule.header, "list": list(rule.users)}}
        case UserHashRule():
            low, high = map(format_weight, (rule.from_bp, rule.to_bp))
            return {"user_hash": {"header": rule.header, "from": low, "to": high}}
        case _:
            assert_never(rule)
