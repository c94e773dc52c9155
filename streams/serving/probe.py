"""Is the davy in this container well? `python -m streams.serving.probe` asks it over loopback.

For Docker's HEALTHCHECK and Kubernetes' `exec` probes. A probe from outside would need a password
in its own manifest; here it is read from the file that the container has anyway. Exit code 0: yes.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

USUAL_PORTS = tuple(range(8470, 8480))
"""Among them are those of all processes of davy."""
PORT = "DAVY_HTTP__PORT"
LOOPBACK = "127.0.0.1"
ANSWER_S = 4.0
"""Less than whoever runs the probe waits."""
LONGEST_BYTES = 4096
"""Of what is told of an answer that says no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was heard at one port."""

    port: int
    answered: bool
    """Whether anybody listens there."""
    complaint: str = ""
    """Why it is not well; empty where it is."""


def ask(port: int, path: str, authorization: str = "") -> Asked:
    """One question to the process at this port of loopback.

    Args:
        port: Where it listens.
        path: `/healthz` or `/readyz`.
        authorization: The value of the header of that name; empty sends none.
    """
    headers = {"Authorization": authorization} if authorization else {}
    talk = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_S)
    try:
        talk.request("GET", path, headers={**headers, "Connection": "close"})
        answer = talk.getresponse()
        said = answer.read(LONGEST_BYTES).decode(errors="replace").strip()
    except ConnectionRefusedError:
        return Asked(port=port, answered=False)
    except (OSError, http.client.HTTPException) as failure:
        return Asked(port=port, answered=True, complaint=f"no answer: {failure!r}")
    finally:
        talk.close()
    well = answer.status == http.client.OK
    return Asked(port=port, answered=True, complaint="" if well else f"{answer.status} {said}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, and print what is wrong; 0 where all that answers is well, else 1."""
    parser = argparse.ArgumentParser(prog="python -m streams.serving.probe", description=__doc__)
    parser.add_argument("path", nargs="?", default="/healthz", help="/healthz or /readyz")
    parser.add_argument("--port", type=int, help=f"{PORT}, or each usual one, if left out")
    parser.add_argument("--authorization", type=Path, help="file with the header of that name")
    asked = parser.parse_args(arguments)
    try:
        ports = _ports(asked.port)
        known = "" if asked.authorization is None else asked.authorization.read_text().strip()
    except (OSError, ValueError) as failure:
        return _complain(str(failure))
    heard = [found for port in ports if (found := ask(port, asked.path, known)).answered]
    if not heard:
        return _complain(f"nobody listens at {LOOPBACK}, port {', '.join(map(str, ports))}")
    told = [f"port {each.port}: {each.complaint}" for each in heard if each.complaint]
    return _complain("\n".join(told)) if told else 0


def _ports(given: int | None) -> tuple[int, ...]:
    """Raise ValueError where the environment names no port that can be asked."""
    if given is not None:
        return (given,)
    told = os.environ.get(PORT, "").strip()
    if not told:
        return USUAL_PORTS
    if not told.isdecimal() or int(told) == 0:
        raise ValueError(f"{PORT} is {told!r}: a probe needs the port itself; set it, or --port")
    return (int(told),)


def _complain(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
