"""The image without an engine: what its Dockerfile copies, installs, runs as, and leaves out.

What only an engine can show (that it builds and starts) is not shown here; `tests/packages/
test_subset.py` shows that the packages which it installs are all that is needed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from streams.serving import probe

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "infra" / "compose" / "Dockerfile").read_text()
STAGES = re.findall(r"^FROM (\S+) AS (\S+)$", TEXT, re.MULTILINE)
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+\S*|\S+@sha256:[0-9a-f]{64}")


def stage(name: str) -> str:
    """The lines of a stage, with those that it is built upon."""
    bases = {made: base for base, made in STAGES}
    pattern = rf"^FROM \S+ AS {name}$\n(.*?)(?=^FROM |\Z)"
    (own,) = re.findall(pattern, TEXT, re.MULTILINE | re.DOTALL)
    above = stage(bases[name]) if bases[name] in bases else ""
    return above + own


class TestStages:
    def test_bases_are_pinned(self) -> None:
        """Each begins with an exact version, or with a stage above it."""
        known: set[str] = set()
        for base, name in STAGES:
            assert base in known or PINNED.fullmatch(base), base
            known.add(name)

    def test_what_runs_is_built_elsewhere(self) -> None:
        """No pip, no lock and no sources in the last stage: only what was installed."""
        assert STAGES[-1][1] == "davy"
        for name in ("davy", "demo"):
            text = stage(name)
            assert "pip " not in text
            assert re.findall(r"^COPY (.+)$", text, re.MULTILINE)[0].startswith("--from=")

    def test_all_that_is_installed_has_a_hash(self) -> None:
        """But davy's own wheel, which is made a stage before."""
        installs = re.findall(r"pip install ([^\n\\&]+)", TEXT)
        assert len(installs) == 4
        assert sum("--require-hashes" in words for words in installs) == 3
        (own,) = (words for words in installs if "--require-hashes" not in words)
        assert own.split()[-1] == "/wheels/*.whl"

    @pytest.mark.parametrize("name", ["davy", "demo"])
    def test_runs_as_nobody_special(self, name: str) -> None:
        """A number, so that Kubernetes can see that it is not root; and it says how it is."""
        text = stage(name)
        assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["10001:10001"]
        assert re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE) == ['["davy"]']
        (check,) = re.findall(r"^HEALTHCHECK .*\n +CMD \[(.+)\]$", text, re.MULTILINE)
        assert f'"{probe.__name__}", "/healthz"' in check

    def test_no_secret_is_built_in(self) -> None:
        """Nothing is taken from the builder's environment but the names of extras."""
        assert re.findall(r"^ARG (\w+)", TEXT, re.MULTILINE) == ["EXTRAS"]
        assert not re.search(r"(?i)password=|token=|secret=", TEXT)


class TestContext:
    def test_holds_what_is_copied(self) -> None:
        """Each COPY finds its source, and .dockerignore lets it through."""
        sources = {
            source
            for line in re.findall(r"^COPY (?!--from)(.+)", TEXT, re.MULTILINE)
            for source in line.split()[:-1]
        }
        assert "requirements.lock" in sources
        passed = (ROOT / ".dockerignore").read_text().splitlines()
        for source in sources:
            assert (ROOT / source).exists()
            assert f"!{source.removeprefix('./')}" in passed

    def test_holds_all_that_the_wheel_is_made_of(self, tmp_path: Path) -> None:
        """Built as the image builds it, from a folder with just what its first stage copies."""
        context = tmp_path / "src"
        first = TEXT.partition("AS packages")[0]
        for line in re.findall(r"^COPY (?!--from)(.+)", first, re.MULTILINE):
            *sources, target = line.split()
            for source in sources:
                copied(ROOT / source, context / (Path(source).name if target == "./" else target))
        script = "import hatchling.build as b, sys; print(b.build_wheel(sys.argv[1]))"
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            cwd=context,
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
        with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
            names = {*wheel.namelist()}
        assert {"streams/serving/probe.py", "streams/_acls/worker.yaml"} <= names
        assert any(name.startswith("streams/_schemas/") for name in names)


def copied(source: Path, target: Path) -> None:
    """As COPY does; .dockerignore leaves compiled files out."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
