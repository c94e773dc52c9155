"""Values of the predictions topic as davy's and foreign producers write them, and damaged ones."""

from hypothesis import strategies as st

from streams.wire.framing import frame
from tests.wire import evolved
from tests.wire.samples import BARE, PREDICTION

NEWER = PREDICTION | {"region": None, "tags": ["a", "ü"], "retries": -3}
LLM_PART = PREDICTION["llm"]
NOT_THERE = dict.fromkeys(LLM_PART)
GATEWAY = {"host": "h", "hops": {"a": 1, "b": None}}


def value(codec, **change):
    return codec.encode("predictions", PREDICTION | change)


def foreign(codec):
    """Good values of every known schema, the fast path's and others."""
    return [
        value(codec),
        codec.encode("predictions", BARE),
        value(codec, request_id="ü" * 40, predicted_class="", segments={"a": "b" * 70, "": ""}),
        frame(12, evolved.body(evolved.newer(), NEWER | {"gateway": GATEWAY})),
        frame(12, evolved.body(evolved.newer(), NEWER | {"gateway": None, "status": "ERROR"})),
        value(codec, unit="", llm=LLM_PART | {"refused": True, "tokens_out": -5, "tpot_ms": 1e9}),
        frame(12, evolved.body(evolved.newer(), NEWER | {"gateway": None, "llm": None})),
        frame(13, evolved.body(evolved.older(), BARE)),
        frame(14, evolved.body(evolved.exotic(), PREDICTION)),
    ]


def mutations(bases: list[bytes]):
    """Good values, and values with bytes changed, cut, inserted, repeated or swapped."""
    byte = st.integers(0, 255)
    edges = st.sampled_from([0x00, 0x01, 0x02, 0x03, 0x7F, 0x80, 0xFE, 0xFF])

    @st.composite
    def mutated(draw):
        data = bytearray(draw(st.sampled_from(bases)))
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(data)))
            match draw(st.sampled_from(["set", "insert", "delete", "cut", "grow", "graft"])):
                case "set":
                    data[at : at + 1] = bytes([draw(byte | edges)])
                case "insert":
                    data[at:at] = draw(st.binary(max_size=11))
                case "delete":
                    del data[at : at + draw(st.integers(1, 9))]
                case "cut":
                    del data[at:]
                case "grow":
                    data += draw(st.binary(max_size=4))
                case "graft":
                    data[at:] = draw(st.sampled_from(bases))[at:]
        return bytes(data)

    return st.lists(st.none() | mutated(), max_size=40)
