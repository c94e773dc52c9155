"""What is in nginx's file of shares? One `split_clients` block, and what says that it is loaded.

Candidates come first and the baseline gets the rest, so a user whom a small share took stays as it
grows. Source: nginx, module ngx_http_split_clients_module (percentages have two decimals; nothing
is told by leaving the line out).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from streams.actuator.ports import Arms, Fence
from streams.actuator.routers.files import revision_of
from streams.errors import TargetRejected
from streams.spec.model import BASELINE, FULL_BP

REST = "*"
TOKEN = re.compile(r'#[^\n]*|"(?:[^"\\]|\\.)*"|[{};]|[^\s{};"#]+')
PERCENT = re.compile(r"^\d{1,3}(\.\d{1,2})?%$")
PLAIN = re.compile(r"^[\w.:-]+$")
NOTICE = "# davy writes this file; what others change here is seen as a change of the weights."
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Whose file it is: the variable, and the upstream of each arm."""

    where: str
    variable: str
    """With its dollar sign; `_state` behind it names what tells which file is loaded."""
    upstreams: Mapping[str, str]
    key: str
    """What a user is known by: `$http_x_user_id`."""

    @property
    def state(self) -> str:
        """The variable that says what is loaded."""
        return f"{self.variable}_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxFile:
    """A parsed file."""

    split: Split
    key: str
    """As it stands in the file, salt included."""
    entries: tuple[tuple[str, str], ...]
    """(percentage or `*`, upstream) in their order."""
    fence: Fence | None

    @classmethod
    def parse(cls, text: str, split: Split) -> Self:
        """Read a file.

        Raises:
            TargetRejected: there is something else in it than davy's two blocks.
        """
        found: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        for head, body in _blocks(text, split.where):
            match head:
                case ("split_clients", key, variable) if variable == split.variable:
                    found.append((key, tuple(_pair(words, split) for words in body)))
                case ("map", _, variable) if variable == split.state:
                    continue
                case _:
                    raise TargetRejected(
                        f"{split.where}: `{' '.join(head)}` is none of davy's — move it to another "
                        f"file; here stand split_clients for {split.variable} and map for "
                        f"{split.state} alone"
                    )
        if len(found) != 1:
            raise TargetRejected(
                f"{split.where}: {len(found)} split_clients for {split.variable}, one is needed — "
                f'begin with `split_clients "{split.key}" {split.variable} '
                f"{{ * {split.upstreams[BASELINE]}; }}`"
            )
        key, entries = found[0]
        file = cls(split=split, key=key, entries=entries, fence=_fence(text))
        _ = file.weights  # whoever holds a file can use it
        return file

    @property
    def revision(self) -> str:
        """See Document."""
        return revision_of(str(self.entries), self.key, str(self.fence))

    @property
    def weights(self) -> Arms:
        """See Document; basis points."""
        arm_of = {upstream: arm for arm, upstream in self.split.upstreams.items()}
        given = dict.fromkeys(self.split.upstreams, 0)
        rest = FULL_BP - sum(_bp(share) for share, _ in self.entries if share != REST)
        if rest < 0 or sum(share == REST for share, _ in self.entries) > 1:
            raise TargetRejected(f"{self.split.where}: the shares are more than 100 %")
        for share, upstream in self.entries:
            given[arm_of[upstream]] += rest if share == REST else _bp(share)
        return given

    def with_weights(self, weights: Arms, *, fence: Fence) -> str:
        """See Document; each rollout has a salt of its own, so other users come first."""
        if not PLAIN.match(fence.rollout):
            raise TargetRejected(
                f"rollout id {fence.rollout}: nginx needs letters, digits and .:_-"
            )
        upstreams = self.split.upstreams
        entries = [
            (f"{bp // 100}.{bp % 100:02d}%", upstreams[arm])
            for arm, bp in weights.items()
            if arm != BASELINE and bp
        ]
        key = f'"{fence.rollout}:{self.split.key}"'
        file = replace(self, key=key, entries=(*entries, (REST, upstreams[BASELINE])), fence=fence)
        return file.text()

    def with_fence(self, fence: Fence) -> str:
        """See Document."""
        return replace(self, fence=fence).text()

    def text(self) -> str:
        """The whole file."""
        body = "".join(f"    {share} {upstream};\n" for share, upstream in self.entries)
        told = " ".join(f"{arm}={weight}" for arm, weight in self.weights.items())
        return (
            f"# {self.fence}\n{NOTICE}\n"
            f"split_clients {self.key} {self.split.variable} {{\n{body}}}\n"
            f'map "" {self.split.state} {{\n    default "{self.fence} {told}";\n}}\n'
        )


def _pair(words: Words, split: Split) -> tuple[str, str]:
    """One line of the block; TargetRejected where it is not one of davy's form."""
    match words:
        case (share, upstream) if share == REST or PERCENT.match(share):
            if upstream in split.upstreams.values():
                return share, upstream
    known = ", ".join(split.upstreams.values())
    raise TargetRejected(
        f"{split.where}: `{' '.join(words)}` is no share of one of {known} — restore the file"
    )


def _bp(share: str) -> int:
    return int(Decimal(share.removesuffix("%")) * 100)


def _fence(text: str) -> Fence | None:
    first = text.partition("\n")[0]
    return Fence.parse(first.removeprefix("# ")) if first.startswith("# ") else None


def _blocks(text: str, where: str) -> Iterator[tuple[Words, Sequence[Words]]]:
    """(words before the brace, statements in it) of each block; no block holds another one."""
    head: Words | None = None
    words: list[str] = []
    body: list[Words] = []
    for token in TOKEN.findall(text):
        if token.startswith("#"):
            continue
        match token, head:
            case "{", None:
                head, words, body = tuple(words), [], []
            case "}", tuple() if not words:
                yield head, body
                head = None
            case ";", tuple() if words:
                body.append(tuple(words))
                words = []
            case "{" | "}" | ";", _:
                raise TargetRejected(f"{where}: `{token}` where none can stand — restore the file")
            case _:
                words.append(token)
    if words or head is not None:
        raise TargetRejected(f"{where}: a block has no end — restore the file")
