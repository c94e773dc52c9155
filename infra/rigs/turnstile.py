"""How does a test that measures time run with nothing beside it, in a run of several processes?

Tests pass a gate into a room, many together or one alone. Who waits for an empty room keeps the
gate shut, so that nobody enters before it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.rigs.cache import locked


@contextmanager
def turnstile(folder: Path, *, alone: bool) -> Iterator[None]:
    """Be in the room that the processes sharing `folder` have; wait until that may be."""
    with ExitStack() as held:
        with locked(folder / "room.gate"):
            held.enter_context(locked(folder / "room", shared=not alone))
        yield
