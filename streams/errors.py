"""What can go wrong, as one tree.

DavyError
├── SpecError          a rollout spec that makes no sense: file, line, what to write instead
├── SettingsError      davy.yaml, environment or flags
├── WireError          bytes that cannot be read or written
│   ├── FramingError   no registry framing, or an unknown schema id
│   └── RegistryError  the schema registry refused
│       └── RegistryAway   it did not answer; try again
├── LogError           the log does not hold what it must: topics, partitions, ownership
│   ├── FencedError    another owner has taken over; stop at once
│   ├── StalledError   something stands still that must move; begin anew
│   └── StateError     stored state that cannot be used
├── PartError          a process of the demo or of a test did not start or did not stay
├── HookError          somebody who is to be told of a rollout
│   ├── HookAway           not now; try again
│   └── HookRefused        never; say so and go on
└── RouterError        a traffic target
    ├── TargetNotFound     it is not there; no retry
    ├── TargetDenied       it refuses us; no retry
    ├── TargetRejected     it will not take these weights; no retry
    ├── TargetConflict     somebody else changed it; observe again
    └── TargetTransient    try again later
"""

from collections.abc import Callable


class DavyError(Exception):
    """Root of every error that davy raises on purpose."""


class SpecError(DavyError):
    """A rollout spec that makes no sense; the message names file, line and what to write."""


class SettingsError(DavyError):
    """Settings that cannot be used; the message names the setting and its source."""


class WireError(DavyError):
    """Bytes that cannot be read or written."""


class FramingError(WireError):
    """A value without registry framing, or with a schema id that nobody knows."""


class RegistryError(WireError):
    """The schema registry refused, or did not answer."""

    def still(self) -> bool:
        """Whether asking again is known to be vain; it may take as long as asking."""
        return False


class RegistryAway(RegistryError):  # noqa: N818 - the tree's root carries the suffix
    """The schema registry did not answer; it will some day, and nothing is lost until then."""

    def __init__(self, message: str, again: Callable[[], object]) -> None:
        super().__init__(message)
        self._again = again

    def still(self) -> bool:
        """Ask once more."""
        try:
            self._again()
        except RegistryAway:
            return True
        except WireError:
            return False  # an answer, if not a good one
        return False


class LogError(DavyError):
    """The log does not hold what it must: topics, partitions, ownership."""


class FencedError(LogError):
    """Another owner has taken this partition over; stop at once."""


class StalledError(LogError):
    """Something stands still although there is work for it; what begins anew may go on."""


class StateError(LogError):
    """Stored state that cannot be used."""


class PartError(DavyError):
    """A process that the demo or a test needs did not start or did not stay."""


class HookError(DavyError):
    """Somebody could not be told of what happened to a rollout."""


class HookAway(HookError):  # noqa: N818 - the tree's root carries the suffix
    """It did not arrive; trying again may help, after `after_s` where that was said."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class HookRefused(HookError):  # noqa: N818
    """It will never be taken like this; the message says what to mend."""


class RouterError(DavyError):
    """A traffic target did not do what was asked."""


class TargetNotFound(RouterError):  # noqa: N818 - the tree's root carries the suffix
    """The target is not there; trying again will not help."""


class TargetDenied(RouterError):  # noqa: N818
    """The target refuses us; trying again will not help."""


class TargetRejected(RouterError):  # noqa: N818
    """The target will not take these weights; trying again will not help."""


class TargetConflict(RouterError):  # noqa: N818
    """Somebody else changed the target; observe it again, then recompute."""


class TargetTransient(RouterError):  # noqa: N818
    """The target did not answer as it should; trying again may help."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """How long the target asks to be left alone; 0: it does not say."""
