"""What becomes of four facts? The rollout spec that pages show, and all that davy makes of it."""

from __future__ import annotations

from pathlib import Path

from streams.spec.load import parse_spec
from streams.spec.provenance import LoadedSpec
from streams.spec.render import render_spec

FACTS = Path(__file__).with_name("rollout.yaml")


def loaded() -> LoadedSpec:
    """The spec of four facts, with where each value came from."""
    return parse_spec(FACTS.read_text(encoding="utf-8"), name=FACTS.name)


def whole_spec() -> str:
    """The same with every default, as `davy rollout apply --dry-run rollout.yaml` prints it."""
    return f"```yaml\n{render_spec(loaded())}\n```\n"
