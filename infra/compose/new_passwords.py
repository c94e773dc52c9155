"""`python new_passwords.py FOLDER`: a password of this deployment's own, unless there is one.

Writes `passwords` (what davy believes), `authorization` (what its probes send) and `davy-password`
(what Prometheus sends, as `prometheus`). Owner and group may read them, nobody else.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

from streams.serving.passwords import hashed

NAME = "prometheus"
LAST = "davy-password"
"""Written last: where it is, the others are."""


def write(folder: Path) -> None:
    """Write the three files; a second time nothing."""
    if (folder / LAST).exists():
        return
    password = secrets.token_urlsafe(24)
    token = base64.b64encode(f"{NAME}:{password}".encode()).decode()
    texts = {
        "passwords": f"{NAME}:{hashed(password)}\n",
        "authorization": f"Basic {token}\n",
        LAST: f"{password}\n",
    }
    os.umask(0o027)
    for name, text in texts.items():
        draft = folder / f".{name}"
        draft.write_text(text)
        draft.rename(folder / name)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
