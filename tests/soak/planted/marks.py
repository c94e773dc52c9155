"""What do scenarios and what is planted in their workers agree on?"""

from __future__ import annotations

MARK = "marked-"
"""How the request id begins of the event that a bug is about."""
OLD, NEW = 3, 8
"""The decision that is applied once more, and the one in whose place."""
FLUSHES = "SOAK_FLUSHES"
"""Environment: how many flushes with panes of a rollout a worker lives through."""
