"""A role's file becomes grants of the topics that the settings name."""

from __future__ import annotations

import pytest

from streams import acls
from streams.settings import Settings


@pytest.mark.parametrize("name", acls.role_names())
def test_a_prefix_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`DAVY_PREFIX` names the topics of every role, as `--prefix` does."""
    bare = acls.role(name, Settings())
    monkeypatch.setenv("DAVY_PREFIX", "prod-")
    found = acls.role(name, Settings())
    assert topics(found) == {f"prod-{topic}" for topic in topics(bare)}


def topics(role: acls.Role) -> set[str]:
    return {grant.name for grant in role.grants if grant.kind is acls.Kind.TOPIC}
