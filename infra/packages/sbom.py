"""Of what is davy made? Writes build/sbom.json: CycloneDX, each package with licence and hashes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from infra.packages.lock import locked

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
SBOM = ROOT / "build" / "sbom.json"
VENDOR = ROOT / "streams" / "dashboard" / "static" / "vendor"


def sbom() -> dict[str, Any]:
    """What the environment holds, told by cyclonedx-py, with the hashes that the lock allows."""
    tool = [Path(sys.executable).with_name("cyclonedx-py"), "environment", "--output-reproducible"]
    where = ["--pyproject", ROOT / "pyproject.toml", sys.executable]
    done = subprocess.run(map(str, [*tool, *where]), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    known = locked(LOCK)
    for component in found["components"]:
        entry = known.get(canonicalize_name(component["name"]))
        if entry is not None:
            component["hashes"] = [{"alg": "SHA-256", "content": each} for each in entry.hashes]
    found["components"] += vendored()
    return found


def vendored() -> Iterator[dict[str, Any]]:
    """Npm packages that lie in the tree itself, with the hashes of the scripts that are served."""
    for path in sorted(VENDOR.glob("*/package.json")):
        about = json.loads(path.read_text())
        scripts = sorted(path.parent.glob("*.js"))
        hashes = [hashlib.sha256(script.read_bytes()).hexdigest() for script in scripts]
        url = f"pkg:npm/{about['name']}@{about['version']}"
        yield {
            "type": "library",
            "bom-ref": url,
            "name": about["name"],
            "version": about["version"],
            "purl": url,
            "licenses": [{"license": {"id": about["license"]}}],
            "hashes": [{"alg": "SHA-256", "content": each} for each in hashes],
        }


def main() -> None:
    """Write the file."""
    found = sbom()
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{SBOM.relative_to(ROOT)}: {len(found['components'])} packages")


if __name__ == "__main__":
    main()
