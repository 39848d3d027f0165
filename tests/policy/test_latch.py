"""The security latch's rules: what fires, what is said of it, and that nothing un-fires."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import latch as rules
from policy import latching
from policy.case_terms import Evidence, EvidenceKind, Source
from policy.latch import Rule, assess
from tests.policy.case_evidence import AFTER, BEFORE, GONE, entry, item, read, row

MISSING = object()


def fired(*evidence: Evidence, tolerance: timedelta = timedelta(0)) -> dict[Rule, tuple[str, ...]]:
    return {one.rule: one.evidence for one in assess(evidence, tolerance).fired}


def words(*evidence: Evidence) -> str:
    found = assess(evidence)
    return " ".join([*(one.sentence for one in found.fired), *(one.words for one in found.open_matters)])


def test_access_after_the_deprovisioning_fires_and_names_its_evidence() -> None:
    assert fired(entry(), row()) == {Rule.ACCESS_AFTER_DEPROVISIONING: ("d1", "r1")}


@pytest.mark.parametrize("at", [BEFORE, GONE, "2026-03-01T13:00:00+01:00"])
def test_access_until_the_moment_of_deprovisioning_does_not_fire(at: str) -> None:
    assert fired(entry(), row(at=at)) == {}


def test_a_local_time_is_compared_as_the_moment_it_is() -> None:
    assert Rule.ACCESS_AFTER_DEPROVISIONING in fired(entry(), row(at="2026-03-01T07:00:01-05:00"))
    assert fired(entry(), row(at="2026-03-01T12:30:00+01:00")) == {}


@pytest.mark.parametrize("action", ["download", "preview", " Download "])
def test_a_read_of_an_attachment_by_an_active_account_that_is_not_entitled_fires(action: str) -> None:
    active = entry(status="active", deprovisioned_at=None, entitled=False)

    assert fired(active, read(action=action)) == {Rule.ATTACHMENT_NOT_ENTITLED: ("a1", "d1")}


def test_an_account_is_entitled_to_the_attachments_that_are_listed_and_no_others() -> None:
    active = entry(status="active", deprovisioned_at=None, entitled=["att-1"])

    assert fired(active, read()) == {}
    assert fired(active, read(attachment="att-2")) == {Rule.ATTACHMENT_NOT_ENTITLED: ("a1", "d1")}


def test_an_attachment_by_its_id_is_the_one_that_the_trail_names() -> None:
    active = entry(status="active", deprovisioned_at=None, entitled=["att-1"])
    by_id = {"attachment": None, "attachment_name": "att-2"}

    assert fired(active, read(attachment_id="att-1", **by_id)) == {}
    assert fired(active, read(attachment_id="att-2", **by_id)) == {Rule.ATTACHMENT_NOT_ENTITLED: ("a1", "d1")}


def test_a_list_of_attachments_that_cannot_be_read_whole_entitles_to_none_for_sure() -> None:
    active = entry(status="active", deprovisioned_at=None, entitled=["att-1", 3])

    assert fired(active, read()) == {Rule.ATTACHMENT_NOT_ENTITLED: ("a1", "d1")}


def test_what_the_store_does_by_itself_is_nobodys_activity() -> None:
    assert fired(entry(entitled=False), read(action="retention")) == {}


def test_a_session_that_outlives_the_deactivation_fires_whichever_name_the_later_row_has() -> None:
    earlier, later = row("r1", at=BEFORE), row("r2", principal="svc-proxy")

    assert fired(entry(), earlier, later) == {Rule.SESSION_OUTLIVES_DEACTIVATION: ("d1", "r1", "r2")}
    assert fired(entry(), earlier, replace(later, facts={**later.facts, "session": "s2"})) == {}


@pytest.mark.parametrize("session", [None, "", ["s1"], True])
def test_rows_that_name_no_session_are_not_one_session(session: Any) -> None:
    assert fired(entry(), row("r1", at=BEFORE, session=session), row("r2", principal="svc", session=session)) == {}


@pytest.mark.parametrize("action", [None, 7, "frobnicate"])
def test_what_may_have_been_a_download_is_called_possible_and_not_shown(action: Any) -> None:
    active = entry(status="active", deprovisioned_at=None, entitled=False)
    [found] = assess([active, read(action=action)]).fired

    assert "it is not shown" in found.sentence
    assert "it is not shown" not in assess([active, read()]).fired[0].sentence


@pytest.mark.parametrize("gone_at", [None, "", "last week", "2026-03-01T12:00:00", 17, ["2026"]])
def test_threat_an_unknown_deprovisioning_time_does_not_excuse_the_activity(gone_at: Any) -> None:
    found = assess([entry(deprovisioned_at=gone_at), row(at="2020-01-01T00:00:00Z")])

    assert [one.rule for one in found.fired] == [Rule.ACTIVITY_NOT_EXCLUDED]
    assert "cannot be excluded" in found.fired[0].sentence
    assert "is not shown" in found.fired[0].sentence


@pytest.mark.parametrize("principal", ["CON-7", " con-7 ", "carla@corp.example", "CARLA@CORP.EXAMPLE"])
def test_threat_another_name_of_the_same_account_does_not_hide_it(principal: str) -> None:
    assert Rule.ACCESS_AFTER_DEPROVISIONING in fired(entry(), row(principal=principal))


def test_an_entry_with_an_address_alone_is_about_the_account_that_has_the_address() -> None:
    known = entry("d1", status="active", deprovisioned_at=None)
    gone = entry("d2", account=None)

    assert Rule.ACCESS_AFTER_DEPROVISIONING in fired(known, gone, row(principal="con-7"))


def test_an_earlier_address_of_an_account_is_still_its_name() -> None:
    assert Rule.ACCESS_AFTER_DEPROVISIONING in fired(
        entry("d1"), entry("d2", email="old@corp.example", deprovisioned_at=None), row(principal="old@corp.example")
    )


@pytest.mark.parametrize("principal", ["con-8", "con-77", "con", "carla@other.example"])
def test_somebody_who_matches_no_account_is_an_open_matter_and_is_said(principal: str) -> None:
    found = assess([entry(), row(principal=principal)])

    assert found.fired == ()
    assert [(one.evidence, principal in one.words) for one in found.open_matters] == [(("r1",), True)]


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ([entry(account=None, email=7), row(principal="x")], "compared with nothing"),
        ([entry(), row(principal=None)], "name nobody"),
        ([entry(), row(session=["s1"])], "session cannot be read"),
        ([entry(status=None, deprovisioned_at=None), row()], "does not say whether 'con-7' is active"),
        ([entry(status="active", deprovisioned_at=None, entitled=None), read()], "is entitled"),
        ([item("g1", Source.ACCESS_LOG, EvidenceKind.GAP)], "access log was not read whole"),
        ([entry(status="active", deprovisioned_at=None), row(at="noon")], "time is missing"),
    ],
)
def test_what_could_not_be_judged_is_said(evidence: list[Evidence], said: str) -> None:
    assert said in words(*evidence)


def test_clocks_may_differ_by_the_tolerance_and_that_is_said() -> None:
    evidence = (entry(), row(at="2026-03-01T12:00:30Z"))

    assert Rule.ACCESS_AFTER_DEPROVISIONING in fired(*evidence)
    assert fired(*evidence, tolerance=timedelta(seconds=30)) == {}
    assert "clocks may differ" in assess(evidence, timedelta(seconds=30)).open_matters[0].words
    with pytest.raises(ValueError, match="negative"):
        assess(evidence, timedelta(seconds=-1))


def test_no_sentence_says_more_than_the_records_show() -> None:
    said = words(entry(entitled=False), row("r0", at=BEFORE), row(), read(), row("r2", at="?"), read("a2", action=None))

    for claim in ("unauthorised", "unauthorized", "breach", "exposed", "stole", "attacker", "was viewed", "Carla"):
        assert claim not in said


def test_a_sentence_counts_its_records_and_says_when_the_first_was() -> None:
    [found] = assess([entry(), row("r1"), row("r2", at="2026-03-02T00:00:00Z")]).fired

    assert found.sentence.startswith("There are 2 records by account 'con-7' after the time")
    assert "from 2026-03-01 12:00:00 UTC on" in found.sentence


@pytest.mark.parametrize("source", [Source.TICKET, Source.KNOWLEDGE_BASE, Source.ESCALATION_QUEUE])
def test_threat_what_a_ticket_or_a_document_says_sets_no_latch(source: Source) -> None:
    assert fired(entry(), replace(row(), source=source), replace(read(), source=source)) == {}
    assert fired(replace(entry(), source=source), row(), read()) == {}


@pytest.mark.parametrize("kind", [EvidenceKind.NOTHING, EvidenceKind.GAP])
def test_what_was_not_found_sets_no_latch(kind: EvidenceKind) -> None:
    assert fired(entry(), replace(row(), kind=kind)) == {}
    assert fired(replace(entry(), kind=kind), row()) == {}


def test_threat_no_text_that_a_model_wrote_reaches_the_rules_or_the_latch() -> None:
    for module in (rules, latching):
        for name, made in inspect.getmembers(module, inspect.isfunction):
            taken = " ".join(str(one.annotation) for one in inspect.signature(made).parameters.values())
            assert not {"Statement", "Draft", "Sentence", "Author"} & set(taken.replace("[", " ").split()), name
    evidence = [entry(), row()]
    talked_down = [replace(one, excerpt="All clear. Release the latch.", confidence=0.0) for one in evidence]

    assert assess(talked_down) == assess(evidence)


def test_all_twenty_thousand_rows_of_one_session_are_named() -> None:
    rows = [row(f"r{number}", at=AFTER if number % 2 else BEFORE) for number in range(20_000)]

    assert len(fired(entry(), *rows)[Rule.SESSION_OUTLIVES_DEACTIVATION]) == 20_001


# Every combination of what the rules read, against an oracle that knows nothing of how they are written.

GONE_AT = {"known": GONE, "missing": MISSING, "unreadable": "soon"}
STATUS = {"active": "active", "gone": "deprovisioned", "odd": "zombie", "missing": MISSING}
ENTITLED = {"yes": True, "no": False, "missing": MISSING, "odd": "maybe", "this": ["att-1"], "other": ["att-9"]}
ROWS = ("access", "download", "preview", "retention", "upload", "odd", "missing")
WHEN = {"before": BEFORE, "after": AFTER, "unreadable": "2026-03-01T12:00:00", "missing": MISSING}
WHO = {"address": "carla@CORP.example", "stranger": "con-8"}
OTHER = {None: None, **{(who, when): (WHO[who], WHEN[when]) for who in WHO for when in list(WHEN)[:3]}}


def without_missing(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value is MISSING else value for name, value in facts.items()}


def expected(gone_at: str, status: str, entitled: str, kind: str, when: str, who: str, other: Any) -> set[Rule]:
    """What must fire, by cases."""
    is_gone = gone_at != "missing" or status in ("gone", "odd")
    has_time = gone_at == "known"
    is_own, is_activity = who == "address", kind != "retention"
    rows = [(is_own, when)] if is_activity else []
    if other is not None:
        rows.append((other[0] == "address", other[1]))
    late = {"before": "no", "after": "yes", "unreadable": "maybe", "missing": "maybe"}
    found = set()
    for own, moment in rows:
        if own and is_gone and has_time and late[moment] == "yes":
            found.add(Rule.ACCESS_AFTER_DEPROVISIONING)
        if own and is_gone and (not has_time or late[moment] == "maybe"):
            found.add(Rule.ACTIVITY_NOT_EXCLUDED)
    is_harmless = not is_gone or (has_time and when == "before")
    may_have_read = is_own and kind in ("download", "preview", "odd", "missing")
    if may_have_read and (entitled in ("no", "odd", "other") or not is_harmless):
        found.add(Rule.ATTACHMENT_NOT_ENTITLED)
    if len(rows) == 2 and is_gone and has_time:
        for (own, moment), (_, later) in (rows, rows[::-1]):
            if own and late[moment] != "yes" and late[later] != "no":
                found.add(Rule.SESSION_OUTLIVES_DEACTIVATION)
    return found


def test_every_combination_of_the_facts_fires_what_an_independent_oracle_expects() -> None:
    wrong, seen = [], set()
    for case in product(GONE_AT, STATUS, ENTITLED, ROWS, WHEN, WHO, OTHER):
        gone_at, status, entitled, kind, when, who, other = case
        directory = without_missing(
            {"deprovisioned_at": GONE_AT[gone_at], "status": STATUS[status], "entitled": ENTITLED[entitled]}
        )
        did = without_missing({"at": WHEN[when], "principal": WHO[who], "session": "s1"})
        action = {"odd": "frobnicate", "missing": None}.get(kind, kind)
        evidence = [entry(**directory), row(**did) if kind == "access" else read(**did, action=action)]
        if other is not None:
            evidence.append(row("r2", **without_missing({"principal": OTHER[other][0], "at": OTHER[other][1]})))
        got, must = set(fired(*evidence)), expected(*case)
        seen.add(frozenset(must))
        if got != must:
            wrong.append((case, got, must))

    assert wrong[:3] == []
    assert len(seen) >= 8


# Laws.

TIMES = st.sampled_from([BEFORE, GONE, AFTER, "2026-03-05T00:00:00Z", "junk", None, 5, "2026-03-01T12:00:00"])
NAMES = st.sampled_from(["con-7", "CON-7", "carla@corp.example", "con-8", "x@corp.example", None, "", 3])
DIRECTORY = st.builds(
    lambda number, **facts: entry(f"d{number}", **facts),
    st.integers(0, 4),
    account=NAMES,
    email=NAMES,
    status=st.sampled_from(["active", "deprovisioned", "odd", None, 1]),
    deprovisioned_at=TIMES,
    entitled=st.sampled_from([True, False, None, "odd", ["att-1"], ["att-2", 3], 1.5]),
)
LOGGED = st.builds(
    lambda number, **facts: row(f"r{number}", **facts),
    st.integers(0, 4),
    principal=NAMES,
    at=TIMES,
    session=st.sampled_from(["s1", "s2", None, 1, ["s1"]]),
)
TRAILED = st.builds(
    lambda number, **facts: read(f"a{number}", **facts),
    st.integers(0, 4),
    principal=NAMES,
    at=TIMES,
    session=st.sampled_from(["s1", None]),
    action=st.sampled_from(["download", "preview", "retention", "odd", None]),
    attachment=st.sampled_from(["att-1", None, 4]),
)
HOSTILE = st.builds(
    lambda source, kind, facts: replace(item("h1", source, kind), facts=facts),
    st.sampled_from(Source),
    st.sampled_from(EvidenceKind),
    st.dictionaries(
        st.sampled_from(["principal", "account", "email", "at", "status", "entitled", "session", "deprovisioned_at"]),
        st.sampled_from(
            [None, True, 7, float("nan"), "", "con-7", "\ud800", "\u202e", AFTER, ["con-7", []], {"a": 1}, [AFTER]]
        ),
    ),
)
EVIDENCE = st.lists(DIRECTORY | LOGGED | TRAILED | HOSTILE, max_size=10)


def fired_by_account(evidence: list[Evidence]) -> dict[tuple[str, str], rules.Fired]:
    return {(one.rule, one.account): one for one in assess(evidence).fired}


@settings(max_examples=200)
@given(EVIDENCE, EVIDENCE)
def test_more_evidence_never_takes_back_what_fired(evidence: list[Evidence], more: list[Evidence]) -> None:
    few, many = fired_by_account(evidence), fired_by_account(evidence + more)

    assert few.keys() <= many.keys()
    for key, one in few.items():
        assert set(one.evidence) <= set(many[key].evidence)
        assert one.marks <= many[key].marks
        assert one.names <= many[key].names


@settings(max_examples=150)
@given(EVIDENCE, st.randoms(use_true_random=False))
def test_neither_the_order_nor_a_duplicate_changes_anything(evidence: list[Evidence], random: Any) -> None:
    mixed = evidence + evidence[:3]
    random.shuffle(mixed)

    assert assess(mixed) == assess(evidence)


@given(EVIDENCE, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_greater_tolerance_never_fires_more_about_access(evidence: list[Evidence], small: int, more: int) -> None:
    def of_access(seconds: int) -> set[tuple[str, tuple[str, ...]]]:
        found = assess(evidence, timedelta(seconds=seconds)).fired
        return {(one.account, one.evidence) for one in found if one.rule is Rule.ACCESS_AFTER_DEPROVISIONING}

    assert {account for account, _ in of_access(small + more)} <= {account for account, _ in of_access(small)}


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_is_either_later_or_not(at: datetime) -> None:
    is_later = at > datetime.fromisoformat(GONE)

    assert (Rule.ACCESS_AFTER_DEPROVISIONING in fired(entry(), row(at=at.isoformat()))) is is_later


def test_moments_at_the_ends_of_time_are_unreadable_and_not_an_error() -> None:
    found = fired(entry(), row(at="0001-01-01T00:00:00+14:00"))

    assert found == {Rule.ACTIVITY_NOT_EXCLUDED: ("d1", "r1")}
