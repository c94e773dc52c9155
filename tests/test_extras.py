"""What is missing is named with a line that works: from an index, a wheel, a clone."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from streams.extras import NOTE, advice, lacking


def installed(folder: Path, noted: object = None) -> Path:
    """Lay down what an installer leaves of davy in a folder of packages."""
    info = folder / "davy-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: davy\nVersion: 0.1.0\n")
    if noted is not None:
        (info / NOTE).write_text(json.dumps(noted))
    return folder


class TestWhatIsTold:
    def test_from_an_index(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An installer notes nothing then: the name says it all."""
        monkeypatch.syspath_prepend(installed(tmp_path))
        assert lacking("boto3", "aws") == "boto3 is not installed; run: pip install 'davy[aws]'"

    def test_from_a_wheel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also where its path wants to be quoted."""
        wheel = tmp_path / "it's here" / "davy-0.1.0-py3-none-any.whl"
        wheel.parent.mkdir()
        wheel.touch()
        noted = {"url": wheel.as_uri(), "archive_info": {}}
        monkeypatch.syspath_prepend(installed(tmp_path / "site", noted))
        said = lacking("boto3", "aws").removeprefix("boto3 is not installed; run: ")
        assert shlex.split(said) == ["pip", "install", f"{wheel}[aws]"]

    def test_from_a_clone(self, tmp_path: Path) -> None:
        """One that is worked on stays so."""
        noted = {"url": tmp_path.as_uri(), "dir_info": {}}
        assert advice(noted, "k8s") == f": pip install '{tmp_path}[k8s]'"
        noted["dir_info"] = {"editable": True}
        assert advice(noted, "k8s") == f": pip install --editable '{tmp_path}[k8s]'"

    def test_a_clone_that_is_gone(self, tmp_path: Path) -> None:
        """As in an image, where the wheel was left behind."""
        noted = {"url": (tmp_path / "gone.whl").as_uri()}
        assert advice(noted, "k8s") == " in a clone of davy: pip install '.[k8s]'"

    def test_not_installed_at_all(self) -> None:
        """Only found on the path: the folder of the sources is the clone."""
        program = (
            "from importlib import metadata\n"
            "def nothing(name): raise metadata.PackageNotFoundError(name)\n"
            "metadata.distribution = nothing\n"
            "from streams.extras import lacking\n"
            "print(lacking('boto3', 'aws'))\n"
        )
        root = Path(__file__).parents[1]
        said = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=root)
        assert said == f"boto3 is not installed; run: pip install '{root}[aws]'\n"


def test_nobody_writes_such_a_line_by_hand() -> None:
    """A message with a line of its own would be wrong for whoever has a wheel or a clone."""
    sources = sorted(Path(__file__).parents[1].glob("streams/**/*.py"))
    assert len(sources) > 300
    told = {
        path.name
        for path in sources
        for line in path.read_text().splitlines()
        if "pip install" in line
    }
    assert told == {"extras.py"}
