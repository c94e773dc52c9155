"""Which pages does the repository have, and what do they tell people to type?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```.*?\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
WRAPPED = re.compile(r"\\\n\s*")
"""A line that goes on in the next one."""
CALL = re.compile(r"(?:^|&& |\|\| |until |--rm |\$ )\s*((?:davy|make) .*)$")
END = re.compile(r"\s(?:#|\||\|\||&&|&|>|2>|<)(?:\s|$).*|;.*")
"""Where a command ends and something else begins: a comment, a pipe, another command."""


def pages() -> list[Path]:
    """Every page, without those of packages and of what was built."""
    folders = (ROOT / name for name in ("streams", "schemas", "tests", "infra", ".github"))
    found = [path for folder in folders for path in folder.rglob("*.md")]
    return sorted([*found, ROOT / "README.md", ROOT / "CHANGELOG.md"])


def commands(text: str) -> Iterator[str]:
    """The `davy` and `make` commands of a page, in its blocks and between its words.

    >>> list(commands("Say `davy worker`.\\n```sh\\nuntil davy topics create; do :; done\\n```"))
    ['davy topics create', 'davy worker']
    """
    for fence in FENCED.findall(text):
        for line in WRAPPED.sub(" ", fence).splitlines():
            if found := CALL.search(line):
                yield END.sub("", found[1]).strip()
    for word in INLINE.findall(FENCED.sub("", text)):
        if word.startswith(("davy ", "make ")):
            yield END.sub("", word).strip()
