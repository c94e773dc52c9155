"""What is served as it lies in the tree: no inline code, and uPlot as its authors made it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from infra.packages.sbom import vendored

ROOM = Path(__file__).parents[2] / "streams" / "dashboard"
TEMPLATES = sorted((ROOM / "templates").glob("*.html"))
MODULES = sorted((ROOM / "static").glob("*.js"))
VENDOR = ROOM / "static" / "vendor" / "uplot"
IMPORT = re.compile(r'from "(\./[^"]+)"')


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_script_and_no_style(template: Path) -> None:
    """The policy would forbid them."""
    text = template.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_modules_import_what_is_there(module: Path) -> None:
    """And nothing from anywhere else."""
    text = module.read_text()
    for name in IMPORT.findall(text):
        assert (module.parent / name).is_file(), name
    assert not re.search(r'from "(?!\./)|import\("', text)


def test_vendored_parts_tell_version_and_licence() -> None:
    """Beside the file, and in the list of what davy is made of."""
    about = json.loads((VENDOR / "package.json").read_text())
    assert "MIT" in (VENDOR / "LICENSE").read_text()
    (told,) = vendored()
    assert (told["name"], told["version"]) == ("uplot", about["version"])
    assert told["licenses"] == [{"license": {"id": "MIT"}}]
    sha = hashlib.sha256((VENDOR / "uPlot.esm.js").read_bytes()).hexdigest()
    assert {"alg": "SHA-256", "content": sha} in told["hashes"]
