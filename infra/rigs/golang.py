"""How does a program that is published as Go modules come here, without a release?

Built from the Go module proxy into the cache, in a module of our own that names one version and
repeats the replacements that the program's own go.mod makes. The first build takes minutes.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.rigs.cache import made_once, need, run
from streams.errors import PartError

BUILD_S = 3000.0
"""For a machine with much else to do; on two idle cores none takes longer than five minutes."""
PLAIN = {"CGO_ENABLED": "0"}
"""No C compiler is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A main package of a published module."""

    name: str
    """Of the binary and of its folder in the cache."""
    module: str
    version: str
    package: str
    """Within the module: `cmd/kube-apiserver`."""
    staging: str = ""
    """The published version of modules that the program's go.mod replaces by folders of its own."""
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Variables that the program's own build sets: what it says of its version."""


def build(program: Program) -> Path:
    """The program's binary, built once; Absent without Go.

    Raises:
        Absent: there is no `go` program.
        PartError: a module cannot be fetched, or the build fails; with the last words of `go`.
    """
    need("go")
    folder = made_once(program.name, program.version, lambda draft: _build(program, draft))
    return folder / program.name


def sources(module: str, version: str) -> Path:
    """The folder of a published module's files, in Go's own cache; they are not to be changed.

    Raises:
        Absent: there is no `go` program.
        PartError: the module cannot be fetched.
    """
    need("go")
    return Path(_download(module, version)["Dir"])


def _download(module: str, version: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        run(["go", "mod", "download", "-json", f"{module}@{version}"])
    )
    return found


def _build(program: Program, folder: Path) -> None:
    binary = folder / program.name
    package = f"{program.module}/{program.package}"
    stamps = " ".join(f"-X {name}={value}" for name, value in program.stamps.items())
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        run(["go", "mod", "init", "davy.local/rig"], cwd=home)
        if replaced := _replacements(program):
            run(["go", "mod", "edit", *replaced], cwd=home)
        _go(home, "get", "-tool", f"{package}@{program.version}")
        _go(home, "build", "-trimpath", f"-ldflags=-s -w {stamps}", "-o", str(binary), package)
    held = run(["go", "version", "-m", binary])
    if f"{program.module}\t{program.version}\t" not in held:
        raise PartError(f"{binary}: asked for {package} {program.version}, it was built of\n{held}")


def _go(home: Path, *arguments: str) -> None:
    run(["go", *arguments], cwd=home, env=PLAIN, deadline_s=BUILD_S)


def _replacements(program: Program) -> list[str]:
    """Options for `go mod edit`: a replacement holds only in the go.mod of the main module."""
    file = _download(program.module, program.version)["GoMod"]
    made = json.loads(run(["go", "mod", "edit", "-json", file])).get("Replace") or []
    return [f"-replace={_end(one['Old'])}={_new(program, one)}" for one in made]


def _new(program: Program, replacement: dict[str, dict[str, str]]) -> str:
    new = replacement["New"]
    if new["Path"].startswith("."):
        return f"{replacement['Old']['Path']}@{program.staging}"
    return _end(new)


def _end(named: dict[str, str]) -> str:
    return f"{named['Path']}@{named['Version']}" if named.get("Version") else named["Path"]
