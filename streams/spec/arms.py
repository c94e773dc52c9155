"""Which model versions stand against each other, and what is the rollout called after them?"""

from __future__ import annotations

import hashlib
import re

import yaml

from streams.errors import SpecError
from streams.spec import defaults, units
from streams.spec.fact import LONGEST_NAME
from streams.spec.model import BASELINE, MOST_CANDIDATES, Candidate
from streams.spec.provenance import Source, Told
from streams.spec.reader import Block, derived, refuse, scalar, words, written
from streams.yaml_lines import entries

EXAMPLE = "candidate: v2"
Candidates = tuple[tuple[Candidate, ...], dict[str, Source]]


def read_candidates(block: Block, baseline: str) -> Candidates:
    """The candidates, each of another version than every other arm, and where each was named."""
    node = block.get("candidates")
    if node is None:
        told = words(block, "candidate", example=EXAMPLE)
        found = [(defaults.CANDIDATE_NAME, block.need("candidate", example=EXAMPLE))]
        return tuple(_distinct(found, baseline)), {"candidates.candidate": told.source}
    if "candidate" in block:
        refuse(node, "both `candidate` and `candidates` are given", "keep one of them")
    inner = entries(node, what="candidates", error=SpecError)
    for key, _ in inner.values():
        scalar(key, units.name, what="a candidate's name")
    found = [(key, value) for key, (_, value) in inner.items()]
    if not 1 <= len(found) <= MOST_CANDIDATES:
        refuse(node, f"{len(found)} candidates", f"name 1 to {MOST_CANDIDATES} of them")
    sources = {f"candidates.{key}": written(value) for key, value in found}
    return tuple(_distinct(found, baseline)), sources


def _distinct(found: list[tuple[str, yaml.Node]], baseline: str) -> list[Candidate]:
    taken = {baseline: "the baseline"}
    candidates = []
    for name, node in found:
        version = scalar(node, units.words, what=_called(name))
        if name == BASELINE:
            refuse(node, "a candidate is called `baseline`", "give it another name")
        if version in taken:
            refuse(
                node,
                f"{_called(name)} is the version of {taken[version]} ({version})",
                "a candidate must differ from every other arm: write the new version",
            )
        taken[version] = _called(name)
        candidates.append(Candidate(name=name, version=version))
    return candidates


def _called(candidate: str) -> str:
    """`candidate small`; the only one has no name of its own."""
    return "candidate" if candidate == defaults.CANDIDATE_NAME else f"candidate {candidate}"


def read_rollout(block: Block, service: str, candidates: tuple[Candidate, ...]) -> Told[str]:
    """The rollout's id; made of service and versions where the spec gives none."""
    told = block.take_optional("rollout", units.name)
    return told or Told(
        rollout_id(service, [candidate.version for candidate in candidates]),
        derived("service and candidate version"),
    )


def rollout_id(service: str, versions: list[str]) -> str:
    """`digits-v2`; what a name may not hold is replaced, and a hash keeps such ids apart.

    >>> rollout_id("digits", ["v2"])
    'digits-v2'
    >>> rollout_id("my service", ["sha256:ab"])
    'my-service-sha256-ab-5babc9'
    """
    plain_id = "-".join([service, *versions])
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", plain_id).lstrip("._-")
    if found == plain_id and len(found) <= LONGEST_NAME:
        return found
    digest = hashlib.sha256(plain_id.encode()).hexdigest()[:6]
    return f"{found[:120]}-{digest}" if found else f"rollout-{digest}"
