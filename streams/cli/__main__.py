"""`python -m streams.cli` is `davy`."""

from streams.cli import app

if __name__ == "__main__":
    app()
