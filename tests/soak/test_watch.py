"""What the soak waits for is what actuators say of their targets."""

from __future__ import annotations

from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.soak.watch import Watch
from tests.wire.samples import ROUTING


def test_a_refusal_says_nothing_of_the_target() -> None:
    """A decision made before an abort was heard is refused behind the weights that follow it."""
    watch, codec = Watch(Settings()), Codec(LocalSchemaStore())
    for seq, phase in ((1, "applied"), (2, "refused")):
        record = ROUTING | {"phase": phase, "fence": seq}
        watch._take("routing", codec.encode("routing", record))
    told = watch.routing(str(ROUTING["rollout"]))
    assert told is not None
    assert (told["phase"], told["fence"]) == ("applied", 1)
