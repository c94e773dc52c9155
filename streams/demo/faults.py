"""Which versions are there, and what can be wrong with the last of them?"""

from __future__ import annotations

from enum import StrEnum

VERSIONS = ("v1", "v2", "v3")


class Fault(StrEnum):
    """What is wrong with a model server."""

    NONE = "none"
    ERRORS = "errors"  # a table is one entry short: images with full ink in the top row fail
    SLOW = "slow"  # features are fetched row by row instead of at once
    DRIFT = "drift"  # images are read column by column: shifted classes, no error, no delay
    ACCURACY = "accuracy"  # every other answer is the one to the question before: only labels tell
    CONVERSION = "conversion"  # answers lack their offer: people buy less, nothing else is wrong
