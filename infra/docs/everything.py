"""Make every generated file anew: `python -m infra.docs.everything` (`make docs`).

Schema ids, schema pages, schemas of spec and report, AsyncAPI, the presets of Kafka UI and Grafana;
then the tables and files that pages show, from the code and from the newest measurements in
build/. `--check` writes nothing, names what is stale, and ends with code 1 if anything is.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from infra.docs import asyncapi, chart, figures, kafka_ui, plan_sample, sizing, topic_pages
from infra.docs.topics import ROOT
from infra.grafana import write as grafana
from streams.report.data import schema_text
from streams.spec.schema.whole import spec_schema
from streams.wire import catalogue

SCHEMAS = ROOT / "schemas"
MADE, KEPT = ROOT / "build" / "dashboard", ROOT / "infra" / "docs"
PICTURES = {MADE / name: KEPT / name for name in ("page.png", "page.txt")}
"""What a test of the page photographs, and the words on it. No two browsers draw the same bytes,
so that test compares the words: where they differ the picture is stale."""


def made() -> dict[Path, str]:
    """Every file that follows from the code alone, with its text as it must be."""
    return {
        SCHEMAS / "README.md": catalogue.readme(),
        SCHEMAS / "rollout-spec.schema.json": json.dumps(spec_schema(), indent=2) + "\n",
        SCHEMAS / "report.schema.json": schema_text(),
        asyncapi.FILE: asyncapi.text(),
        kafka_ui.FILE: kafka_ui.text(),
        **chart.written(),
        **{topic_pages.FOLDER / name: text for name, text in topic_pages.pages().items()},
        **{grafana.path_of(each): grafana.text_of(each) for each in grafana.ALL},
    }


def shown() -> dict[Path, str]:
    """Pages with the tables and files that they show as these are now."""
    found: dict[Path, str] = {}
    for path in figures.READMES:
        text = (ROOT / path).read_text(encoding="utf-8")
        found[ROOT / path] = figures.with_files(figures.rewritten(text))
    found[sizing.PAGE] = sizing.written(sizing.PAGE.read_text(encoding="utf-8"))
    return found


def stale() -> list[Path]:
    """Files that are missing, differ from what is made, or belong to a topic that is gone."""
    wanted = made() | shown()
    left = set(topic_pages.FOLDER.glob("*.md")) - wanted.keys()
    return sorted({path for path, text in wanted.items() if _held(path) != text} | left)


def write() -> list[Path]:
    """Make everything anew; returns the files that changed."""
    plan_sample.write()
    changed, texts = stale(), made() | shown()
    catalogue.main([])  # a changed schema gets its id
    for path in changed:
        if path in texts:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
        else:
            path.unlink()
    return changed + _pictures()


def _pictures() -> list[Path]:
    """Take over the pictures that were made here."""
    taken = [(made, kept) for made, kept in PICTURES.items() if made.is_file()]
    for made, kept in taken:
        shutil.copyfile(made, kept)
    return [kept for _, kept in taken]


def _held(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def main() -> int:
    """Write, or check; one line for each file concerned."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--check", action="store_true", help="write nothing; 1 if any is stale")
    only_look = bool(asked.parse_args().check)
    found = stale() if only_look else write()
    for path in found:
        print(f"{path.relative_to(ROOT)}: {'is stale; run `make docs`' if only_look else 'is new'}")
    if not found:
        print("every generated file is fresh")
    return 1 if only_look and found else 0


if __name__ == "__main__":
    sys.exit(main())
