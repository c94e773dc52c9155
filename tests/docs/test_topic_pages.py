"""Every topic has a page that tells all there is: fields, headers, who writes and who reads."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from infra.docs.markdown import cell
from infra.docs.topic_pages import named_types, pages, words
from infra.docs.topics import Topic, topics
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, topic_plans
from streams.wire.reasons import Reason

PAGES = pages()
WITH_SCHEMA = [topic for topic in topics() if topic.subject is not None]


def anchors(text: str) -> set[str]:
    """Headings as links name them."""
    return {name.lower() for name in re.findall(r"^## (\w+)$", text, re.MULTILINE)}


class TestPages:
    def test_one_for_each_topic(self) -> None:
        """And no other."""
        assert set(PAGES) == {f"{plan.name}.md" for plan in topic_plans(Settings())}

    @pytest.mark.parametrize("topic", WITH_SCHEMA, ids=lambda t: t.name)
    def test_every_field_is_told(self, topic: Topic) -> None:
        """As often as records have it, each with its sentence."""
        page = PAGES[f"{topic.name}.md"]
        told = Counter(re.findall(r"^\| `(\w+)` \| .*\S \|$", page, re.MULTILINE))
        told -= Counter(header.name for header in topic.headers)
        wanted = Counter(
            field["name"]
            for named in named_types(topic.schema)
            for field in named.get("fields", ())
        )
        assert told == wanted

    @pytest.mark.parametrize("name", sorted(PAGES))
    def test_links_within_the_page_lead_somewhere(self, name: str) -> None:
        """Every record that a field names has its table there."""
        text = PAGES[name]
        assert set(re.findall(r"\]\(#(\w+)\)", text)) <= anchors(text)

    @pytest.mark.parametrize("topic", topics(), ids=lambda t: t.name)
    def test_headers_are_told(self, topic: Topic) -> None:
        """With what they hold."""
        for header in topic.headers:
            assert f"| `{header.name}` | {cell(header.what)} |" in PAGES[f"{topic.name}.md"]

    def test_dead_letters_tell_every_reason(self) -> None:
        """With the advice."""
        page = PAGES[f"{DEAD_LETTERS}.md"]
        assert all(f"| `{reason}` | {cell(reason.advice)} |" in page for reason in Reason)

    def test_who_writes_and_who_reads(self) -> None:
        """As the roles of infra/acls have the right to."""
        page = PAGES["routing.md"]
        (written,) = re.findall(r"^\| written by \| (.*) \|$", page, re.MULTILINE)
        (read,) = re.findall(r"^\| read by \| (.*) \|$", page, re.MULTILINE)
        assert re.findall(r"\[([\w-]+)\]", written) == ["actuator"]
        assert {"page", "worker", "notify"} <= set(re.findall(r"\[([\w-]+)\]", read))


class TestWords:
    @pytest.mark.parametrize(
        ("schema", "told"),
        [
            ("string", "string"),
            ("davy.Bins", "[Bins](#bins)"),
            (["null", "double"], "null or double"),
            ({"type": "array", "items": "long"}, "array of long"),
            (
                {"type": "map", "values": {"type": "map", "values": "int"}},
                "map of map of int",
            ),
            ({"type": "long", "logicalType": "timestamp-millis"}, "long (timestamp-millis)"),
            ({"type": "enum", "name": "Status", "symbols": ["OK"]}, "[Status](#status)"),
        ],
    )
    def test_types(self, schema: object, told: str) -> None:
        """As a reader says them."""
        assert words(schema) == told

    def test_a_bar_breaks_no_table(self) -> None:
        """Nor does a line's end."""
        assert cell("a | b\n  c") == r"a \| b c"
