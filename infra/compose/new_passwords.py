"""`python new_passwords.py NAME=FOLDER ...`: a password of this deployment's own for each name.

Writes into the folder, unless it is there, `passwords` (whom davy believes), `authorization` (what
probes send) and `davy-password` (what a person types, or Prometheus sends). Owner and group may
read them, nobody else. What davy records of a person's commands is this name.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

from streams.serving.passwords import hashed

LAST = "davy-password"
"""Written last: where it is, the others are."""


def write(name: str, folder: Path) -> None:
    """Write the three files; a second time nothing."""
    if (folder / LAST).exists():
        return
    password = secrets.token_urlsafe(24)
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    texts = {
        "passwords": f"{name}:{hashed(password)}\n",
        "authorization": f"Basic {token}\n",
        LAST: f"{password}\n",
    }
    os.umask(0o027)
    for file, text in texts.items():
        draft = folder / f".{file}"
        draft.write_text(text)
        draft.rename(folder / file)


def main(words: list[str]) -> int:
    """Write all of them; 2 where a word makes no sense."""
    pairs = [word.rpartition("=") for word in words]
    if strange := [name for name, _, folder in pairs if not (name and folder) or ":" in name]:
        sys.stderr.write(f"{strange}: write NAME=FOLDER, with no `:` in the name\n")
        return 2
    for name, _, folder in pairs:
        write(name, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
