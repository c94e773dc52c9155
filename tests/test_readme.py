"""What README.md shows is what is there."""

from pathlib import Path

from infra.docs.figures import FILE, rewritten, settings_table, with_files

README = Path(__file__).parents[1] / "README.md"


class TestReadme:
    def test_files_are_shown_as_they_are(self) -> None:
        """`make figures` would change no file that is shown."""
        text = README.read_text()
        assert len(FILE.findall(text)) == 4
        assert with_files(text) == text

    def test_all_settings_are_told(self) -> None:
        """With their defaults as they are; `make figures` would change none."""
        made = settings_table()
        assert made in README.read_text()
        assert [line for line in made.splitlines() if line.endswith("|  |")][1:] == []

    def test_every_table_is_known(self) -> None:
        """A block that nobody can make would raise."""
        assert rewritten(README.read_text())
