"""How does a service ask for a flag here? OpenFeature's flagd provider, which watches the file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.demo.processes import wait_until

POLL_MS = 20
NOBODY = "none"
"""What a service gets where the flag cannot be evaluated."""


@contextmanager
def provider(path: Path, flag: str = "digits") -> Iterator[Callable[[str], str]]:
    """`evaluate(user)`: the flag's value for a user, as a service gets it.

    The provider looks at the file every `POLL_MS`.
    """
    from openfeature import api  # noqa: PLC0415 - needed here only
    from openfeature.contrib.provider.flagd import FlagdProvider  # noqa: PLC0415
    from openfeature.contrib.provider.flagd.config import ResolverType  # noqa: PLC0415
    from openfeature.evaluation_context import EvaluationContext  # noqa: PLC0415

    domain = f"davy {path}"  # one provider each, whatever else runs in this process
    reader = FlagdProvider(
        resolver_type=ResolverType.FILE,
        offline_flag_source_path=str(path),
        deadline_ms=POLL_MS,
    )
    api.set_provider(reader, domain)
    client = api.get_client(domain)

    def evaluate(user: str) -> str:
        context = EvaluationContext(targeting_key=user)
        return str(client.get_string_value(flag, NOBODY, context))

    try:
        wait_until(lambda: evaluate("anybody") != NOBODY, what="the provider", deadline_s=10)
        yield evaluate
    finally:
        reader.shutdown()
