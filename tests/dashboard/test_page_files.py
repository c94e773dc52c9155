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
PUBLISHED = {
    "uPlot.esm.js": "5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""SHA-256 of what lies in `dist` of uplot 1.6.32 on npm; a newer one brings its own."""
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
    assert (told["name"], told["version"], about["version"]) == ("uplot", "1.6.32", "1.6.32")
    assert told["licenses"] == [{"license": {"id": "MIT"}}]
    assert told["hashes"] == [{"alg": "SHA-256", "content": PUBLISHED["uPlot.esm.js"]}]


def test_vendored_parts_are_what_their_authors_published() -> None:
    """Byte for byte: nobody has laid hands on them since."""
    served = [path for path in VENDOR.iterdir() if path.suffix in {".js", ".css"}]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in served}
    assert found == PUBLISHED
