"""How does an extra that is missing come to this davy? From where davy itself came.

Installers note that (PEP 610, `direct_url.json`). So the line that is told works as it stands, for
a clone and for a wheel too.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

NAME = "davy"
NOTE = "direct_url.json"


def lacking(what: str, extras: str) -> str:
    """The message where `what` is missing, which these extras of davy bring: `k8s`, `server,demo`.

    One may go on with names of more packages.
    """
    return f"{what} is not installed; run{advice(_noted(), extras)}"


def advice(noted: Mapping[str, Any], extras: str) -> str:
    """What to run, after the word "run"; `noted` is what the installer noted, nothing: an index.

    >>> advice({}, "k8s")
    ": pip install 'davy[k8s]'"
    >>> vcs = {"vcs": "git", "commit_id": "1a2b"}
    >>> advice({"url": "https://git.example/davy.git", "vcs_info": vcs}, "k8s")
    ": pip install 'davy[k8s] @ git+https://git.example/davy.git@1a2b'"
    >>> advice({"url": "file:///gone/davy-0.1.0-py3-none-any.whl"}, "k8s")
    " in a clone of davy: pip install '.[k8s]'"
    """
    url = str(noted.get("url", ""))
    if not url:
        return _line(f"{NAME}[{extras}]")
    if not url.startswith("file:"):
        source = noted.get("vcs_info", {})
        kind = f"{source['vcs']}+" if "vcs" in source else ""
        commit = f"@{source['commit_id']}" if "commit_id" in source else ""
        return _line(f"{NAME}[{extras}] @ {kind}{url}{commit}")
    place = Path(unquote(urlsplit(url).path))
    if not place.exists():
        return f" in a clone of davy{_line(f'.[{extras}]')}"
    return _line(f"{place}[{extras}]", editable=bool(noted.get("dir_info", {}).get("editable")))


def _line(wanted: str, *, editable: bool = False) -> str:
    return f": pip install {'--editable ' if editable else ''}{shlex.quote(wanted)}"


def _noted() -> Mapping[str, Any]:
    """What stands in the installer's note; where davy was not installed, the folder it runs in."""
    try:
        text = metadata.distribution(NAME).read_text(NOTE)
    except metadata.PackageNotFoundError:
        return {"url": Path(__file__).parents[1].as_uri()}
    found: Mapping[str, Any] = json.loads(text or "{}")
    return found
