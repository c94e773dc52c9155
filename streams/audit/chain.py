"""Is the chain of decisions whole? Every number once, in order, each naming the one before.

Where trusted keys are known a decision that one of them signed stands for its number; what nobody
signed beside it is told and is no link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from streams.audit.facts import Audited, AuditLog, Finding, Gap, place_of
from streams.judge.record import cut_from_record, decision_id
from streams.replay.records import UNUSABLE
from streams.spec.model import RolloutSpec


def links(decisions: Sequence[Audited]) -> tuple[Audited, ...]:
    """One decision for each number, ascending.

    Of several a believed one, then one that a decision of the next number names, then the first.
    """
    named = {(each.seq - 1, each.record["prev_hash"]) for each in decisions}

    def rank(each: Audited) -> tuple[int, bool, bool, int]:
        unnamed = (each.seq, each.body_hash) not in named
        return (each.seq, each.doubted is not None, unnamed, each.offset)

    ranked = sorted(decisions, key=rank)
    return tuple(next(group) for _, group in groupby(ranked, key=lambda each: each.seq))


def chain_gaps(log: AuditLog) -> Iterator[Finding]:
    """What is wrong with decisions and the links between them, in the order of numbers."""
    chain = links(log.decisions)
    yield from log.unusable
    yield from _doubts(log.decisions)
    yield from _twice(log.decisions, chain)
    yield from _order(chain)
    yield from _hashes(chain)
    yield from _contents(log, chain)


def _doubts(decisions: Iterable[Audited]) -> Iterator[Finding]:
    for each in decisions:
        if each.doubted is not None:
            sentence = f"decision #{each.seq}: {each.doubted.sentence}"
            yield Finding(gap=Gap(each.doubted.code), place=each.place, sentence=sentence)


def _twice(decisions: Iterable[Audited], chain: Sequence[Audited]) -> Iterator[Finding]:
    """Records of a number beside its link; those of which nobody vouches were told as that."""
    first = {link.seq: link for link in chain}
    for each in decisions:
        link = first[each.seq]
        if each is link or (each.doubted is not None and link.doubted is None):
            continue
        if each.body_hash == link.body_hash:
            sentence = f"decision #{each.seq} stands here again, first at {link.place}"
            yield Finding(gap=Gap.DOUBLED, place=each.place, sentence=sentence)
        else:
            sentence = (
                f"decision #{each.seq} is another one than that at {link.place}: two judges, or a "
                "forged record"
            )
            yield Finding(gap=Gap.FORKED, place=each.place, sentence=sentence)


def _order(chain: Sequence[Audited]) -> Iterator[Finding]:
    if chain and chain[0].seq != 1:
        yield _dropped(1, chain[0])
    for before, after in pairwise(chain):
        if after.seq != before.seq + 1:
            yield _dropped(before.seq + 1, after)
        if after.offset < before.offset:
            sentence = (
                f"decision #{after.seq} stands before #{before.seq} ({before.place}): the judge "
                "wrote them the other way round"
            )
            yield Finding(gap=Gap.SWAPPED, place=after.place, sentence=sentence)


def _dropped(first: int, after: Audited) -> Finding:
    last = after.seq - 1
    which = f"#{first}" if first == last else f"#{first} to #{last}"
    sentence = f"decision {which} is missing before #{after.seq}: deleted, or never written here"
    return Finding(gap=Gap.DROPPED, place=after.place, sentence=sentence)


def _hashes(chain: Sequence[Audited]) -> Iterator[Finding]:
    if chain and chain[0].seq == 1 and chain[0].record["prev_hash"]:
        sentence = "the first decision names one before it: it was another one's"
        yield Finding(gap=Gap.ALTERED, place=chain[0].place, sentence=sentence)
    for before, after in pairwise(chain):
        if after.seq == before.seq + 1 and after.record["prev_hash"] != before.body_hash:
            sentence = (
                f"decision #{before.seq} is not the one that #{after.seq} ({after.place}) follows: "
                f"its hash is {before.body_hash[:12]}, there it says "
                f"{str(after.record['prev_hash'])[:12]}; one of both was changed after it was made"
            )
            yield Finding(gap=Gap.ALTERED, place=before.place, sentence=sentence)


def _contents(log: AuditLog, chain: Sequence[Audited]) -> Iterator[Finding]:
    """Names, specs and the end, as far as decisions themselves tell them."""
    specs = _specs(log)
    for each in chain:
        record = each.record
        cut = cut_from_record(record["cut"])
        if record["decision_id"] != decision_id(record["rollout"], record["spec_hash"], cut):
            sentence = f"decision #{each.seq}: its id does not follow from rollout, spec and cut"
            yield Finding(gap=Gap.WRONG_ID, place=each.place, sentence=sentence)
        if record["spec_hash"] != chain[0].record["spec_hash"]:
            sentence = f"decision #{each.seq} was made under another spec than #{chain[0].seq}"
            yield Finding(gap=Gap.OTHER_SPEC, place=each.place, sentence=sentence)
    if chain and chain[0].record["spec_hash"] not in specs:
        sentence = "`rollouts` does not hold the spec that this rollout was judged by"
        yield Finding(gap=Gap.NO_SPEC, place=chain[0].place, sentence=sentence)
    for before, after in pairwise(chain):
        if before.record["terminal"]:
            sentence = f"decision #{after.seq} was made after #{before.seq} had ended the rollout"
            yield Finding(gap=Gap.AFTER_END, place=after.place, sentence=sentence)


def _specs(log: AuditLog) -> Mapping[str, str]:
    """Hash of each spec that can be read -> where it stands; hashed anew, nobody's word."""
    found = {}
    for stored in log.rollouts:
        try:
            spec = RolloutSpec.from_json(stored.record["spec"])
        except UNUSABLE:
            continue
        found[spec.spec_hash] = place_of("rollouts", stored)
    return found
