"""Targeting rules are read, printed, checked at their line, and hashed by content alone."""

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from streams.errors import SpecError
from streams.spec.load import parse_spec
from streams.spec.model import RolloutSpec
from streams.spec.render import render_spec
from streams.spec.schema.whole import spec_schema
from streams.spec.targeting import HeaderRule, PrefixRule, UserHashRule, UsersRule

ROUTE = "service: digits\nbaseline: v1\ncandidate: v2\nroute: memory\n"
FACTS = f"{ROUTE}unit: user\n"
ALL_KINDS = """\
targeting:
  - users: {header: X-User-Id, list: [u-2, 1.10, u-1]}
  - user_hash: {header: x-user-id, from: 12.5%, to: 20%}
  - header: {name: x-tier, values: [free, on]}
  - header: {name: x-tier, prefix: be}
"""
RULES = (
    HeaderRule(header="x-tier", values=("free", "on")),
    PrefixRule(header="x-tier", prefix="be"),
    UserHashRule(header="x-user-id", from_bp=1250, to_bp=2000),
    UsersRule(header="x-user-id", users=("1.10", "u-1", "u-2")),
)
MANY = ", ".join(f"u{number}" for number in range(1001))
REFUSED = [
    ("targeting:", 6, "write a list of rules"),
    ("targeting: {header: {name: a}}", 6, "write a list of rules"),
    ("targeting:\n  - headers: {name: x}", 7, "did you mean `header`?"),
    ("targeting:\n  - {}", 7, "give it one key"),
    ("targeting:\n  - header: {name: a, values: [b]}\n    users: {}", 7, "give it one key"),
    ("targeting:\n  - header: {name: a}", 7, "`values: [free]`"),
    ("targeting:\n  - header: {name: a, values: [b], prefix: b}", 7, "`values: [free]`"),
    ("targeting:\n  - header: {name: a b, values: [b]}", 7, "write e.g. `x-tier`"),
    ("targeting:\n  - header: {name: ':path', values: [b]}", 7, "write e.g. `x-tier`"),
    ("targeting:\n  - header: {name: a, values: ['b,c']}", 7, "without a comma"),
    ("targeting:\n  - header: {name: a, values: ['']}", 7, "without a comma"),
    ("targeting:\n  - header: {name: a, values: [b, b]}", 7, "leave one of them out"),
    ("targeting:\n  - header: {name: a, values: []}", 7, "write a list: "),
    (f"targeting:\n  - users: {{header: a, list: [{MANY}]}}", 7, "write at most 1000"),
    ("targeting:\n  - user_hash: {header: a, from: 20%, to: 20%}", 7, "write `from` below `to`"),
    ("targeting:\n  - user_hash: {header: a, to: 20}", 7, "write it as `2%`"),
    ("targeting:\n  - user_hash: {header: a, to: 1.005%}", 7, "round it"),
    (
        "targeting:\n  - user_hash: {header: a, to: 1%}\n  - user_hash: {header: b, to: 1%}",
        8,
        "name users by one header",
    ),
    (
        "targeting:\n  - header: {name: a, values: [b, c]}\n  - header: {name: A, values: [c, b]}",
        8,
        "stands twice",
    ),
]


def parse(text):
    return parse_spec(FACTS + text, name="spec.yaml")


class TestReading:
    def test_every_kind(self):
        """Scalars keep their text; names of headers are in lower case."""
        assert parse(ALL_KINDS).spec.targeting == RULES

    def test_the_order_means_nothing(self):
        """Rules are any-of: another order is the same spec, hash included."""
        head, *rules = ALL_KINDS.splitlines()
        other = "\n".join([head, *reversed(rules)])
        assert parse(other).spec.spec_hash == parse(ALL_KINDS).spec.spec_hash

    def test_without_rules(self):
        """Everybody may get a candidate."""
        assert parse("").spec.targeting == ()

    def test_reads_back(self):
        """What is printed is the same spec, each rule with its line; and so is the stored JSON."""
        loaded = parse(ALL_KINDS)
        text = render_spec(loaded)
        assert parse_spec(text).spec == loaded.spec
        assert "  - header: {name: x-tier, prefix: be} # spec.yaml:10" in text
        assert RolloutSpec.from_json(loaded.spec.to_json()) == loaded.spec

    @pytest.mark.parametrize(("text", "line", "instead"), REFUSED)
    def test_is_refused_with_file_line_and_remedy(self, text, line, instead):
        """A mistake names its line and what to write."""
        with pytest.raises(SpecError) as failure:
            parse(text + "\n")
        assert str(failure.value).startswith(f"spec.yaml:{line}: ")
        assert instead in str(failure.value)

    def test_a_hash_assigns_users(self):
        """Where users are assigned, requests are not what is counted."""
        with pytest.raises(SpecError, match=r"spec\.yaml:6: targeting: user_hash .* `unit: user`"):
            parse_spec(ROUTE + ALL_KINDS, name="spec.yaml")

    def test_a_stored_range_holds_somebody(self):
        """The facts check themselves too, for whoever does not come from YAML."""
        with pytest.raises(ValidationError, match="holds nobody"):
            UserHashRule(header="a", from_bp=10, to_bp=10)


class TestSchema:
    def test_takes_what_the_loader_takes(self):
        """The editor's schema knows every kind of rule."""
        assert schema_errors(ALL_KINDS) == []
        assert schema_errors("targeting: [{user_hash: {header: a, from: 0, to: 1bp}}]") == []

    @pytest.mark.parametrize("text", [text for text, _, _ in REFUSED[:-6]])
    def test_refuses_what_is_wrong_within_a_rule(self, text):
        """Rules across values are the loader's."""
        assert schema_errors(text)


def schema_errors(text):
    validator = jsonschema.Draft202012Validator(spec_schema())
    return list(validator.iter_errors(yaml.safe_load(FACTS + text)))
