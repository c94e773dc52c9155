"""The README states the bounds by which a user sizes a worker: they are those of the code."""

from pathlib import Path

from streams.agents.app import create_app
from streams.agents.ownership import Ownership
from streams.agents.packs import LEAST, MOST_BYTES
from streams.agents.polling import BATCH_BYTES
from streams.agents.prediction_owner import MOST_WAITING
from streams.agents.sketch_owner import BACKLOG, LETTER_BYTES
from streams.agents.transport import TURN_S, WAITING_BYTES
from streams.panes.source_merge import NEAR
from streams.settings import Settings
from tests.agents.test_desk import PACKED_BYTES

TEXT = (Path(__file__).parents[2] / "streams" / "README.md").read_text()


def bound_of(what: str) -> str:
    """What the table of bounds says of one thing."""
    table = TEXT.split("## Memory of a worker")[1].split("\n## ")[0]
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {what}")]
    return line.split("|")[2].strip()


def test_of_the_transport():
    fetched = bound_of("fetched and not yet folded")
    assert fetched.startswith(f"{WAITING_BYTES >> 20} MiB and a last batch of {BATCH_BYTES >> 20}")
    assert (
        f"or of {(BATCH_BYTES + 4 * MOST_BYTES) >> 20} where it ends with large batches" in fetched
    )
    assert fetched.endswith(f"a turn each {TURN_S:g} s")
    app = create_app(Settings(), Ownership(lambda _: None))
    size = app.conf.consumer_max_fetch_size
    assert bound_of("fetched and still compressed") == f"{size >> 20} MiB a partition"


def test_of_the_owners():
    assert bound_of("dead-letters").startswith(f"{LETTER_BYTES >> 20} MiB a partition")
    assert bound_of("closed panes").startswith(f"{BACKLOG} a partition")
    assert bound_of("outcomes that wait") == f"{MOST_WAITING} a partition"


def test_of_the_judge():
    waiting = bound_of("panes at the judge")
    assert waiting.startswith(f"{NEAR} as sketches, others packed: at most {PACKED_BYTES} bytes")


def test_of_packs():
    """By which a user can tell what decoding will cost."""
    text = (Path(__file__).parents[2] / "infra" / "sizing.md").read_text()
    assert f"at least {LEAST}\nrecords" in text
    assert f"at most {MOST_BYTES >> 20} MiB before it is compressed" in text
    readme = (Path(__file__).parents[2] / "streams" / "wire" / "README.md").read_text()
    assert f"below {LEAST})" in readme
