"""What may become of a statement: every state, kind, role and event, and what each fact needs to be confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from policy.case_fingerprints import fingerprint, repeats
from policy.case_foundations import cannot_confirm, current_ids, grounds_of, open_conflicts
from policy.case_moves import KINDS_FOR, MOVES, ROLES_FOR, Refusal, Role, StatementEvent
from policy.case_rules import Held, add, decide, is_confirmed, no_longer_confirmed
from policy.case_terms import (
    AUTHORITY_OF,
    Authority,
    Claim,
    EvidenceKind,
    Source,
    Statement,
    StatementKind,
    StatementState,
)
from tests.policy.case_builders import LEAD, NOW, OTHER, evidence, held, statement, wish

EVERYTHING = list(product(StatementState, StatementKind, StatementEvent, Role))


def complete(kind: StatementKind, state: StatementState) -> Statement:
    return statement(kind=kind, state=state, owner=OTHER, due_at=NOW, resolution="why" if state == "resolved" else "")


def code(outcome: Statement | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


def done(outcome: Statement | Refusal) -> Statement:
    assert isinstance(outcome, Statement), outcome
    return outcome


def test_the_table_of_moves_is_exactly_this_one() -> None:
    """Written out a second time on purpose: what is missing from the table or too much in it shows here."""
    assert {str(one): {str(event): str(to) for event, to in moves.items()} for one, moves in MOVES.items()} == {
        "proposed": {
            "accepted": "accepted",
            "rejected": "rejected",
            "edited": "proposed",
            "reassigned": "proposed",
            "resolved": "resolved",
        },
        "accepted": {
            "rejected": "rejected",
            "edited": "proposed",
            "reassigned": "proposed",
            "resolved": "resolved",
            "reopened": "proposed",
        },
        "resolved": {"reopened": "proposed"},
        "rejected": {},
    }


def test_every_event_names_its_roles_and_kinds() -> None:
    assert set(ROLES_FOR) == set(KINDS_FOR) == set(StatementEvent)
    assert {str(event): {str(role) for role in roles} for event, roles in ROLES_FOR.items()} == {
        "accepted": {"lead"},
        "rejected": {"lead"},
        "edited": {"lead", "member"},
        "reassigned": {"lead", "member"},
        "resolved": {"lead"},
        "reopened": {"lead", "member", "rules"},
    }


@pytest.mark.parametrize(("state", "kind", "event", "role"), EVERYTHING)
def test_what_moves_moves_by_the_table_and_the_rest_is_refused_with_words(
    state: StatementState, kind: StatementKind, event: StatementEvent, role: Role
) -> None:
    outcome = decide(held((complete(kind, state),)), wish(event, role=role))

    if isinstance(outcome, Refusal):
        assert len(outcome.reply) > 30 and outcome.reply.endswith(".") and outcome.code
    is_listed = event in MOVES[state] and kind in KINDS_FOR[event] and role in ROLES_FOR[event]
    assert isinstance(outcome, Statement) == is_listed
    if isinstance(outcome, Statement):
        assert outcome.state is MOVES[state][event]


@pytest.mark.parametrize(("kind", "event", "role"), list(product(StatementKind, StatementEvent, Role)))
def test_a_rejected_statement_stays_rejected(kind: StatementKind, event: StatementEvent, role: Role) -> None:
    assert isinstance(decide(held((complete(kind, StatementState.REJECTED),)), wish(event, role=role)), Refusal)


@pytest.mark.parametrize(("state", "kind", "event"), list(product(StatementState, StatementKind, StatementEvent)))
def test_threat_09_the_model_moves_no_statement(
    state: StatementState, kind: StatementKind, event: StatementEvent
) -> None:
    outcome = decide(held((complete(kind, state),)), wish(event, role=Role.MODEL))

    assert code(outcome) == f"model-may-not-{event.value}"


@pytest.mark.parametrize(("claim", "source", "kind"), list(product(Claim, Source, EvidenceKind)))
def test_a_fact_is_accepted_on_evidence_that_carries_its_claim_only(
    claim: Claim, source: Source, kind: EvidenceKind
) -> None:
    outcome = decide(
        held((statement(claim=claim),), (evidence(source=source, kind=kind),)), wish(StatementEvent.ACCEPTED)
    )

    carries = {
        (Claim.EVENT, Authority.RECORD, EvidenceKind.FOUND),
        (Claim.ABSENCE, Authority.RECORD, EvidenceKind.NOTHING),
        (Claim.BEHAVIOUR, Authority.REFERENCE, EvidenceKind.FOUND),
    }
    assert isinstance(outcome, Statement) == ((claim, AUTHORITY_OF[source], kind) in carries)


@given(
    st.lists(st.tuples(st.sampled_from(Source), st.sampled_from(EvidenceKind)), max_size=5),
    st.sampled_from(Claim),
)
def test_a_gap_or_a_note_added_never_confirms_anything(found: list[tuple[Source, EvidenceKind]], claim: Claim) -> None:
    items = tuple(evidence(f"E{n}", source, kind) for n, (source, kind) in enumerate(found))
    more = (*items, evidence("G", Source.ACCESS_LOG, EvidenceKind.GAP), evidence("N", Source.TICKET))
    before = cannot_confirm(
        statement(claim=claim, cites=tuple(one.evidence_id for one in items)), grounds_of(items, ())
    )
    after = cannot_confirm(statement(claim=claim, cites=tuple(one.evidence_id for one in more)), grounds_of(more, ()))

    assert before is None or after is not None


def test_a_fact_without_evidence_or_with_an_invented_id_is_not_confirmed() -> None:
    assert code(decide(held((statement(cites=()),)), wish(StatementEvent.ACCEPTED))) == "no-evidence"
    assert code(decide(held((statement(cites=("E9",)),)), wish(StatementEvent.ACCEPTED))) == "unknown-evidence"


def test_a_fact_on_an_answer_that_was_replaced_is_not_confirmed() -> None:
    items = (evidence("E1"), evidence("E2", minutes=5))

    assert code(decide(held((statement(),), items), wish(StatementEvent.ACCEPTED))) == "stale-evidence"


def test_a_later_answer_with_the_same_bytes_replaces_nothing_and_neither_does_a_gap() -> None:
    same = (evidence("E1", sha256="aa"), evidence("E2", minutes=5, sha256="aa"))
    unreadable = (evidence("E1"), evidence("E2", kind=EvidenceKind.GAP, minutes=5))

    assert current_ids(same) == {"E1", "E2"}
    assert current_ids(unreadable) == {"E1", "E2"}


class Counted(Mapping[str, JsonValue]):
    """A question that counts how often it is read."""

    def __init__(self) -> None:
        self.read = 0

    def __getitem__(self, name: str) -> JsonValue:
        return "u-17"

    def __iter__(self) -> Iterator[str]:
        self.read += 1
        return iter(["principal"])

    def __len__(self) -> int:
        return 1


def test_the_evidence_of_a_case_is_gone_through_once_however_many_facts_there_are() -> None:
    question = Counted()
    items = tuple(evidence(f"E{n}", query=question) for n in range(50))
    facts = tuple(statement(f"S{n}", state=StatementState.ACCEPTED, text=f"{n}", cites=(f"E{n}",)) for n in range(50))
    case = held(facts, items)

    assert all(is_confirmed(one, case) for one in facts) and no_longer_confirmed(case) == ()
    assert question.read == len(items)


def test_a_gap_that_was_read_later_is_closed() -> None:
    assert current_ids((evidence("E1", kind=EvidenceKind.GAP), evidence("E2", minutes=5))) == {"E2"}


def test_an_absence_is_not_confirmed_while_part_of_that_source_was_not_read() -> None:
    nothing = evidence("E1", kind=EvidenceKind.NOTHING)
    gap = evidence("E2", kind=EvidenceKind.GAP, query={"principal": "u-17", "day": "2 March"})
    elsewhere = replace(gap, source=Source.ATTACHMENT_TRAIL)
    absent = statement(claim=Claim.ABSENCE)

    assert code(decide(held((absent,), (nothing, gap)), wish(StatementEvent.ACCEPTED))) == "absence-not-read-whole"
    assert done(decide(held((absent,), (nothing, elsewhere)), wish(StatementEvent.ACCEPTED)))


def test_a_confirmed_fact_is_taken_back_when_its_evidence_is_replaced() -> None:
    fact = done(decide(held((statement(),)), wish(StatementEvent.ACCEPTED)))
    later = held((fact,), (evidence(), evidence("E2", minutes=9)))

    assert is_confirmed(fact, held((fact,)))
    assert not is_confirmed(fact, later)
    assert no_longer_confirmed(later) == (fact,)
    reopened = decide(later, wish(StatementEvent.REOPENED, role=Role.RULES, by=None))
    assert done(reopened).state is StatementState.PROPOSED


@pytest.mark.parametrize("state", StatementState)
def test_a_conflict_blocks_in_every_state_but_resolved(state: StatementState) -> None:
    conflict = complete(StatementKind.CONFLICT, state)

    assert bool(open_conflicts((conflict,))) == (state is not StatementState.RESOLVED)
    assert open_conflicts((replace(conflict, resolution=" "),))


@pytest.mark.parametrize("event", [StatementEvent.ACCEPTED, StatementEvent.REJECTED])
def test_a_conflict_is_neither_accepted_nor_rejected_away(event: StatementEvent) -> None:
    conflict = complete(StatementKind.CONFLICT, StatementState.PROPOSED)

    assert code(decide(held((conflict,)), wish(event))) == f"conflict-cannot-be-{event.value}"


def test_a_conflict_is_resolved_with_a_reason_only() -> None:
    conflict = complete(StatementKind.CONFLICT, StatementState.PROPOSED)

    assert code(decide(held((conflict,)), wish(StatementEvent.RESOLVED, reason=" "))) == "no-reason"
    assert done(decide(held((conflict,)), wish(StatementEvent.RESOLVED))).resolution == "both logs were read again"


def test_an_edit_neither_turns_a_conflict_into_something_else_nor_drops_a_side() -> None:
    conflict = statement(kind=StatementKind.CONFLICT, cites=("E1", "E2"))
    case = held((conflict,), (evidence("E1"), evidence("E2", Source.TICKET)))

    assert code(decide(case, wish(StatementEvent.EDITED, kind=StatementKind.FACT))) == "conflict-stays"
    assert code(decide(case, wish(StatementEvent.EDITED, evidence=("E1",)))) == "conflict-stays"
    assert done(decide(case, wish(StatementEvent.EDITED))).kind is StatementKind.CONFLICT


def test_a_fact_on_disputed_evidence_waits_for_the_resolution() -> None:
    conflict = statement("C1", StatementKind.CONFLICT, text="They differ.")
    fact = statement()
    settled = replace(conflict, state=StatementState.RESOLVED, resolution="the log is right")

    assert code(decide(held((fact, conflict)), wish(StatementEvent.ACCEPTED))) == "disputed-evidence"
    assert done(decide(held((fact, settled)), wish(StatementEvent.ACCEPTED)))


DISGUISES = [
    "a session was opened on 1 march",
    "A  SESSION\nwas opened, on 1 March!!",
    "А sеssіоn wаs ореnеd оn 1 Маrсh.",
    "A s\u200bession was opened on 1 March.",
    "\uff21 session was opened on 1 March.",
    "A session was 0pened on l March.",
    "A sessión wäs opened on 1 March.",
]


@pytest.mark.parametrize("text", DISGUISES)
def test_threat_09_rejected_content_is_known_again_in_other_clothes(text: str) -> None:
    rejected = statement(state=StatementState.REJECTED)
    mine = statement("S2", text="Something else.")
    case = held((rejected, mine))

    assert code(add(case, statement("S9", text=text))) == "rejected-content"
    assert code(decide(case, wish(StatementEvent.EDITED, "S2", text=text))) == "rejected-content"
    later = Held((replace(mine, text=text),), case.evidence, frozenset({fingerprint(rejected.text)}))
    assert code(decide(later, wish(StatementEvent.ACCEPTED, "S2"))) == "rejected-content"
    assert repeats(f"We know this: {text} That is all.", [rejected.text]) == rejected.text


@pytest.mark.parametrize("text", ["A session was opened on 2 March.", "No session was opened on 1 March."])
def test_other_words_are_other_content(text: str) -> None:
    assert fingerprint(text) != fingerprint("A session was opened on 1 March.")


@given(st.text(max_size=60), st.sampled_from([" ", "\u200b", "\n", "-", ".", "\u00ad"]), st.data())
def test_blanks_and_marks_anywhere_change_no_fingerprint(text: str, mark: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))

    # A mark between a letter and its accent is what makes them two; nothing else looks at the neighbours.
    plain = "".join(one for one in text if one.isascii())
    place = min(place, len(plain))
    assert fingerprint(plain[:place] + mark + plain[place:]) == fingerprint(plain.upper())


def test_an_edit_is_a_new_revision_by_that_person_which_nobody_has_accepted() -> None:
    accepted = statement(state=StatementState.ACCEPTED)
    after = done(decide(held((accepted,)), wish(StatementEvent.EDITED, role=Role.MEMBER, by=OTHER)))

    assert (after.revision, after.author.person, after.author.model) == (2, OTHER, "")
    assert after.state is StatementState.PROPOSED


def test_two_who_edit_at_once_do_not_overwrite_each_other() -> None:
    first = done(decide(held((statement(),)), wish(StatementEvent.EDITED)))

    assert code(decide(held((first,)), wish(StatementEvent.EDITED, text="Mine."))) == "stale-revision"


@pytest.mark.parametrize(
    ("event", "changes", "refusal"),
    [
        (StatementEvent.EDITED, {"text": " "}, "no-text"),
        (StatementEvent.EDITED, {"text": "A session was opened on 1 March."}, "no-change"),
        (StatementEvent.EDITED, {"evidence": ("E7",)}, "unknown-evidence"),
        (StatementEvent.EDITED, {"by": None}, "no-person"),
        (StatementEvent.REASSIGNED, {"owner": None}, "no-owner"),
        (StatementEvent.ACCEPTED, {"statement_id": "S7"}, "unknown-statement"),
        (StatementEvent.ACCEPTED, {"role": Role.MEMBER}, "member-may-not-accepted"),
    ],
)
def test_what_is_incomplete_is_refused(event: StatementEvent, changes: dict[str, object], refusal: str) -> None:
    assert code(decide(held((statement(),)), wish(event, **changes))) == refusal


def test_a_next_step_is_accepted_with_an_owner_and_a_date_only() -> None:
    step = statement(kind=StatementKind.NEXT_STEP, owner=OTHER)

    assert code(decide(held((step,)), wish(StatementEvent.ACCEPTED))) == "no-owner"
    assert done(decide(held((replace(step, due_at=NOW),)), wish(StatementEvent.ACCEPTED)))


def test_whoever_brings_a_statement_it_enters_as_proposed() -> None:
    brought = statement("S5", state=StatementState.ACCEPTED, text="Another.", revision=4, resolution="because")
    entered = done(add(held(), brought))

    assert (entered.state, entered.revision, entered.resolution) == (StatementState.PROPOSED, 1, "")
    assert code(add(held((entered,)), brought)) == "known-statement"
    assert code(add(held((entered,)), replace(brought, statement_id="S9"))) == "known-statement"
    assert code(add(held(), replace(brought, evidence=("E9",)))) == "unknown-evidence"
    assert code(add(held(), replace(brought, text="\n"))) == "no-text"


@given(st.lists(st.tuples(st.sampled_from(StatementEvent), st.sampled_from(Role)), max_size=12))
def test_whatever_happens_what_is_accepted_as_a_fact_has_its_record(events: list[tuple[StatementEvent, Role]]) -> None:
    note = (evidence(source=Source.TICKET),)
    current = statement()
    for event, role in events:
        outcome = decide(
            held((current,), note),
            wish(event, role=role, by=LEAD, seen_revision=current.revision, text=f"t{len(events)}"),
        )
        current = outcome if isinstance(outcome, Statement) else current

    assert current.state is not StatementState.ACCEPTED
