"""What the pages of the repository point at is there."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, pages

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"```.*?```", re.DOTALL)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FILE_ROW = re.compile(r"^\| (`[^|]*`) \|", re.MULTILINE)
GLOSSARY = ROOT / "streams" / "GLOSSARY.md"
ENTRY = re.compile(r"^\| (?:\[)?([^\]|]+?)(?:\]\((\S+?)#(\w+)\))? \|", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The names by which GitHub reaches the headings of a page."""
    titles = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    kept = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.strip().replace(" ", "-") for title in kept}


def defines(file: Path, name: str) -> bool:
    """Whether a Python file or a schema defines that name."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".avsc":
        return f'"name": "{name}"' in text
    return re.search(rf"^(?:class |def )?{name}\b", text, re.MULTILINE) is not None


class TestLinks:
    @pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
    def test_they_lead_somewhere(self, page: Path) -> None:
        """Files that exist, and headings that stand there."""
        text = CODE.sub("", page.read_text(encoding="utf-8"))
        dead = []
        for link in LINK.findall(text):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if "://" in link or link.startswith("mailto:"):
                continue
            headed = target.suffix == ".md" and anchor
            if not target.exists() or (headed and anchor not in anchors(target)):
                dead.append(link)
        assert dead == []


class TestRooms:
    def test_each_has_a_page_that_the_list_of_rooms_leads_to(self) -> None:
        """Whoever looks for a room finds what it is for."""
        listed = (ROOT / "streams" / "README.md").read_text(encoding="utf-8")
        rooms = sorted(path.parent.name for path in (ROOT / "streams").glob("*/__init__.py"))
        assert [name for name in rooms if f"({name}/README.md)" not in listed] == []

    @pytest.mark.parametrize(
        "page",
        sorted((ROOT / "streams").glob("*/README.md")),
        ids=lambda page: page.parent.name,
    )
    def test_the_files_that_it_names_are_there(self, page: Path) -> None:
        """In the tables of files."""
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"`([\w/]+(?:\.py|/))`", "\n".join(FILE_ROW.findall(text)))
        assert [name for name in named if not (page.parent / name).exists()] == []


class TestGlossary:
    def test_every_word_that_has_a_home_is_defined_there(self) -> None:
        """A class, a constant or a record of that name."""
        homes = [(path, name) for _, path, name in self.entries() if path]
        assert len(homes) > 30
        lost = [at for at in homes if not defines((GLOSSARY.parent / at[0]).resolve(), at[1])]
        assert lost == []

    def test_a_word_stands_there_once(self) -> None:
        """One word per thing."""
        words = [word for word, _, _ in self.entries()]
        assert len(words) == len(set(words))

    def entries(self) -> list[tuple[str, str, str]]:
        """Word, file and name of each; headers of tables left out."""
        found = ENTRY.findall(GLOSSARY.read_text(encoding="utf-8"))
        return [entry for entry in found if entry[0] not in {"word", "---"}]
