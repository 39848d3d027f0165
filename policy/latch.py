"""The rules of the security latch: which evidence of possible unauthorised access moves a case to security.

Deterministic, and pure. A rule asks whether records exist that together show something, and never whether others are
missing; so more evidence fires more rules and never fewer, in whatever order it comes. A record that cannot be read
counts as what it might be. What follows from a rule that fired is `policy.latching`; no text of a model is read here.

1  access after deprovisioning: somebody did something after the time that the directory names
2  an attachment was downloaded or previewed by an account that is not entitled to it, or is deprovisioned
3  a session that an account had used is in use after the account's deprovisioning, whichever name is beside it
4  an account that is deprovisioned shows activity, and one of the two times cannot be read: it cannot be excluded
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from enum import StrEnum

from policy.case_terms import Evidence, EvidenceKind
from policy.latch_facts import RECORDS, Activity, Answer, Entry, activities, entries, may_read

NO_TOLERANCE = timedelta(0)


class Rule(StrEnum):
    """What may set the latch."""

    ACCESS_AFTER_DEPROVISIONING = "access_after_deprovisioning"
    ATTACHMENT_NOT_ENTITLED = "attachment_not_entitled"
    SESSION_OUTLIVES_DEACTIVATION = "session_outlives_deactivation"
    ACTIVITY_NOT_EXCLUDED = "activity_not_excluded"


@dataclass(frozen=True)
class Fired:
    """One rule that fired on one account."""

    rule: Rule
    account: str
    """The account's key as the directory has it, folded. Text of others, as is the sentence that names it."""
    evidence: tuple[str, ...]
    """Ids, sorted: the entries of the directory and the rows that together made it fire."""
    sentence: str
    """What the records show, and no more than that."""
    marks: frozenset[str]
    """What the evidence tells, see `policy.latch_facts.mark`."""
    names: frozenset[str]
    """All the names that the directory has for the account."""


@dataclass(frozen=True, order=True)
class Open:
    """What the rules could not judge, in words; it neither sets the latch nor lifts it."""

    words: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Assessment:
    """What the rules say of all the evidence of a case."""

    fired: tuple[Fired, ...]
    open_matters: tuple[Open, ...]


@dataclass(frozen=True)
class _Hit:
    rule: Rule
    entry: Entry
    rows: tuple[Activity, ...]
    """What made it fire: counted in its sentence."""
    is_certain: bool
    before: tuple[Activity, ...] = ()
    """Rows that these are compared with."""


def assess(evidence: Iterable[Evidence], tolerance: timedelta = NO_TOLERANCE) -> Assessment:
    """Apply the rules; clocks may differ by `tolerance` before something counts as later. ValueError if negative."""
    if tolerance < NO_TOLERANCE:
        raise ValueError(f"a clock tolerance cannot be negative: {tolerance}")
    items = list(evidence)
    listed, rows = entries(items), activities(items)
    by_name, names = _accounts(listed)
    hits: dict[tuple[Rule, str], list[_Hit]] = defaultdict(list)
    for hit in _hits(by_name, rows, tolerance):
        hits[hit.rule, hit.entry.account].append(hit)
    fired = [_fired(found, names[account]) for (_, account), found in hits.items()]
    opened = {*_gaps(items), *_unmatched(listed, rows, by_name), *_not_said(rows, by_name, tolerance)}
    return Assessment(tuple(sorted(fired, key=lambda one: (one.rule, one.account))), tuple(sorted(opened)))


def _accounts(listed: Sequence[Entry]) -> tuple[dict[str, list[Entry]], dict[str, frozenset[str]]]:
    """By each name, all entries of the accounts that have it; and by account, all its names.

    An entry that has an address alone is about every account that has this address.
    """
    of_account: dict[str, list[Entry]] = defaultdict(list)
    keyless: dict[str, list[Entry]] = defaultdict(list)
    for entry in listed:
        if entry.account:
            of_account[entry.account].append(entry)
        if entry.account and not entry.has_key:
            keyless[entry.account].append(entry)
    names = {account: frozenset[str]().union(*(one.names for one in its)) for account, its in of_account.items()}
    by_name: dict[str, list[Entry]] = defaultdict(list)
    for account, its in of_account.items():
        about = [*its, *(entry for name in names[account] - {account} for entry in keyless.get(name, ()))]
        for name in names[account]:
            by_name[name].extend(about)
    return by_name, names


def _hits(by_name: dict[str, list[Entry]], rows: Sequence[Activity], tolerance: timedelta) -> Iterator[_Hit]:
    by_session: dict[str, list[Activity]] = defaultdict(list)
    of_entry: dict[tuple[str, Entry], list[Activity]] = defaultdict(list)
    for row in rows:
        if row.session:
            by_session[row.session].append(row)
        for entry in by_name.get(row.principal, ()):
            yield from _of_one_row(entry, row, tolerance)
            if row.session:
                of_entry[row.session, entry].append(row)
    for (session, entry), own in of_entry.items():
        yield from _of_a_session(entry, own, by_session[session], tolerance)


def _of_one_row(entry: Entry, row: Activity, tolerance: timedelta) -> Iterator[_Hit]:
    """Rules 1, 2 and 4."""
    after = _is_after(entry, row, tolerance)
    if after is Answer.YES:
        yield _Hit(Rule.ACCESS_AFTER_DEPROVISIONING, entry, (row,), True)
    if after is Answer.POSSIBLE:
        yield _Hit(Rule.ACTIVITY_NOT_EXCLUDED, entry, (row,), False)
    if row.is_read is Answer.NO:
        return
    entitled = may_read(entry, row.attachment)
    if entitled in (Answer.NO, Answer.POSSIBLE) or after in (Answer.YES, Answer.POSSIBLE):
        is_certain = row.is_read is Answer.YES and (entitled is Answer.NO or after is Answer.YES)
        yield _Hit(Rule.ATTACHMENT_NOT_ENTITLED, entry, (row,), is_certain)


def _of_a_session(
    entry: Entry, own: Sequence[Activity], all_of_it: Sequence[Activity], tolerance: timedelta
) -> Iterator[_Hit]:
    """Rule 3: `own` is the account's own use of the session, `all_of_it` anybody's."""
    if entry.gone_at is None:
        return
    when = {row: _is_after(entry, row, tolerance) for row in all_of_it}
    before = tuple(row for row in own if when[row] is not Answer.YES)
    has_begun_before = any(when[row] is Answer.NO for row in before)
    for answer in (Answer.YES, Answer.POSSIBLE):
        later = tuple(row for row in all_of_it if when[row] is answer)
        if before and later and len({*before, *later}) > 1:
            is_certain = answer is Answer.YES and has_begun_before
            yield _Hit(Rule.SESSION_OUTLIVES_DEACTIVATION, entry, later, is_certain, before)


def _is_after(entry: Entry, row: Activity, tolerance: timedelta) -> Answer:
    """Whether the row was written after the entry's deprovisioning; POSSIBLE where a time cannot be read."""
    if entry.is_gone in (Answer.NO, Answer.NOT_SAID):
        return Answer.NO
    if entry.gone_at is None or row.at is None:
        return Answer.POSSIBLE
    return Answer.YES if row.at - entry.gone_at > tolerance else Answer.NO


_WORDS = {
    Rule.ACCESS_AFTER_DEPROVISIONING: "{rows} by account {account} after the time at which the directory says it was"
    " deprovisioned{when}. Whether the access succeeded or was wanted is not known from this.",
    Rule.ATTACHMENT_NOT_ENTITLED: "{rows} of a download or preview of an attachment by account {account}, which the"
    " directory calls not entitled or deprovisioned{when}. What was seen or kept is not known from this.",
    Rule.SESSION_OUTLIVES_DEACTIVATION: "{rows} in a session of account {account} from before its deprovisioning, after"
    " the time at which the directory says it was deprovisioned{when}. Who used the session is not known from this.",
    Rule.ACTIVITY_NOT_EXCLUDED: "{rows} by account {account}, which the directory calls deprovisioned or whose state"
    " cannot be read; a time that is needed to compare them is missing or cannot be read{when}.",
}
_UNSURE = " Part of a record could not be read: it is possible and cannot be excluded; it is not shown."
_SURE_ONLY_IN_PART = " For others of these records, something could not be read: they may be of it and are not shown."


def _fired(hits: Sequence[_Hit], names: frozenset[str]) -> Fired:
    first = hits[0]
    rows = {row.evidence_id for hit in hits for row in hit.rows}
    told = {(one.evidence_id, one.mark) for hit in hits for one in (*hit.rows, *hit.before)}
    told |= {(hit.entry.evidence_id, hit.entry.mark) for hit in hits}
    times = sorted({row.at for hit in hits for row in hit.rows if row.at is not None})
    when = ""
    if times:
        first_at = f"{times[0].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        when = f" (at {first_at})" if len(times) == 1 else f" (from {first_at} on)"
    certain = {hit.is_certain for hit in hits}
    unsure = "" if False not in certain else _SURE_ONLY_IN_PART if True in certain else _UNSURE
    counted = "There is 1 record" if len(rows) == 1 else f"There are {len(rows)} records"
    words = _WORDS[first.rule].format(rows=counted, account=repr(first.entry.account), when=when)
    return Fired(
        first.rule,
        first.entry.account,
        tuple(sorted({evidence_id for evidence_id, _ in told})),
        words + unsure,
        frozenset(mark for _, mark in told),
        names,
    )


def _gaps(items: Sequence[Evidence]) -> Iterator[Open]:
    for one in items:
        if one.source in RECORDS and one.kind is EvidenceKind.GAP:
            words = f"The {one.source.value.replace('_', ' ')} was not read whole: nothing follows from what is missing"
            yield Open(f"{words}.", (one.evidence_id,))


def _unmatched(listed: Sequence[Entry], rows: Sequence[Activity], by_name: dict[str, list[Entry]]) -> Iterator[Open]:
    for entry in listed:
        if not entry.account:
            words = "An entry of the directory has no account and no address that can be read: it was compared with"
            yield Open(f"{words} nothing.", (entry.evidence_id,))
    nameless = tuple(sorted({row.evidence_id for row in rows if not row.principal}))
    if nameless:
        yield Open("Records name nobody that can be read: whose they are is not known.", nameless)
    for name in {row.principal for row in rows if row.principal} - set(by_name):
        ids = tuple(sorted({row.evidence_id for row in rows if row.principal == name}))
        yield Open(f"{name!r} matches no account of the directory that was retrieved: not judged.", ids)


def _not_said(rows: Sequence[Activity], by_name: dict[str, list[Entry]], tolerance: timedelta) -> Iterator[Open]:
    for row in rows:
        if row.has_unreadable_session:
            yield Open("A record's session cannot be read: it was compared with no other.", (row.evidence_id,))
        if row.at is None:
            yield Open("A record's time is missing, has no zone, or cannot be read.", (row.evidence_id,))
        for entry in by_name.get(row.principal, ()):
            ids = tuple(sorted((entry.evidence_id, row.evidence_id)))
            if entry.is_gone is Answer.NOT_SAID:
                yield Open(f"The directory does not say whether {entry.account!r} is active.", ids)
            if row.is_read is not Answer.NO and may_read(entry, row.attachment) is Answer.NOT_SAID:
                yield Open(f"The directory does not say whether {entry.account!r} is entitled to the attachment.", ids)
            if entry.gone_at and row.at and timedelta(0) < row.at - entry.gone_at <= tolerance:
                yield Open("A record is later than the deprovisioning, by no more than clocks may differ.", ids)
