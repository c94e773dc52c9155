"""A program is built from published modules, with the replacements that its own go.mod makes."""

import json
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from infra.rigs import golang
from infra.rigs.cache import Absent, need
from streams.errors import PartError

MAIN = """
package main

import "example.test/part"

var version = "none"

func main() { println(version, part.Name) }
"""
PROGRAM = golang.Program(
    name="hello",
    module="example.test/hello",
    version="v1.2.3",
    package="cmd/hello",
    staging="v0.2.3",
    stamps={"main.version": "v1.2.3"},
)


@pytest.fixture
def published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: Callable[[str, str], None]
) -> None:
    """A module proxy in a folder: a program that replaces a part of itself, and the part."""
    try:
        need("go")
    except Absent as error:
        absent("kube", str(error))
    proxy = tmp_path / "proxy"
    hello = "module example.test/hello\n\ngo 1.21\n\nrequire example.test/part v0.0.0\n\n"
    hello += "replace example.test/part => ./staging/part\n"
    publish(proxy, "example.test/hello", "v1.2.3", {"go.mod": hello, "cmd/hello/main.go": MAIN})
    part = {
        "go.mod": "module example.test/part\n\ngo 1.21\n",
        "part.go": 'package part\n\nconst Name = "the part"\n',
    }
    publish(proxy, "example.test/part", "v0.2.3", part)
    for name, value in {
        "GOPROXY": proxy.as_uri(),
        "GOSUMDB": "off",
        "GOMODCACHE": str(tmp_path / "modules"),
        "GOFLAGS": "-modcacherw",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)


def publish(proxy: Path, module: str, version: str, files: Mapping[str, str]) -> None:
    """Lay a version of a module down as a module proxy has it."""
    place = proxy / module / "@v"
    place.mkdir(parents=True)
    (place / "list").write_text(f"{version}\n")
    (place / f"{version}.info").write_text(json.dumps({"Version": version}))
    (place / f"{version}.mod").write_text(files["go.mod"])
    with zipfile.ZipFile(place / f"{version}.zip", "w") as packed:
        for name, text in files.items():
            packed.writestr(f"{module}@{version}/{name}", text)


@pytest.mark.kube
@pytest.mark.usefixtures("published")
class TestBuild:
    def test_replaced_and_stamped(self) -> None:
        """A folder that go.mod names is replaced by the published version; the stamp is in."""
        binary = golang.build(PROGRAM)
        said = subprocess.run([binary], capture_output=True, text=True, check=True)
        assert said.stderr == "v1.2.3 the part\n"
        assert golang.build(PROGRAM) == binary

    def test_a_failed_build_leaves_nothing(self, tmp_path: Path) -> None:
        """What cannot be built is told in Go's words, and nothing lies in the cache."""
        missing = golang.Program(
            name="hello",
            module="example.test/hello",
            version="v1.2.3",
            package="cmd/other",
            staging="v0.2.3",
        )
        with pytest.raises(PartError, match="cmd/other"):
            golang.build(missing)
        assert [path.name for path in (tmp_path / "cache/davy/hello").iterdir()] == ["v1.2.3.lock"]
