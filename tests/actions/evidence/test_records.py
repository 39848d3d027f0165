"""What our own tables know, as evidence: the account's state, earlier tickets, the escalation queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from actions.evidence.connector import Account, Question, Window
from actions.evidence.records import (
    AccountState,
    DirectoryConnector,
    Escalation,
    EscalationConnector,
    Rows,
    TicketConnector,
    TicketMessage,
)
from policy.case_terms import Authority, EvidenceKind, Source
from policy.digest import canonical_json
from policy.terms import Audience
from tests.actions.evidence.builders import BOB, a_question, clock, ids

AT = datetime(2026, 3, 20, 12, tzinfo=UTC)
STATE = AccountState(BOB, BOB, "ak_7", "Bob", "deprovisioned", AT)
MESSAGE = TicketMessage("t1", "m1", Audience.CUSTOMER, "Carol", AT, "Bob could still see invoices.")
ESCALATION = Escalation("esc-1", "Sessions outlive deactivation", "open", "Engineering", AT, "Reproduced.")


def directory(*states: AccountState) -> DirectoryConnector:
    async def find(account: Account) -> list[AccountState]:
        return [state for state in states if account.email == state.email]

    return DirectoryConnector(find, clock, ids())


async def test_an_account_is_evidence_with_facts_for_rules() -> None:
    (item,) = await directory(STATE).look(a_question())

    assert (item.source, item.authority, item.place) == (Source.DIRECTORY, Authority.RECORD, BOB)
    assert item.facts["status"] == "deprovisioned"
    assert item.facts["deprovisioned_at"] == "2026-03-20T12:00:00+00:00"
    assert item.sha256 == sha256(canonical_json(dict(item.facts))).hexdigest()
    assert item.excerpt == "Bob (bob@acme.example): deprovisioned since 2026-03-20T12:00:00+00:00"


async def test_an_account_closed_nobody_knows_when_is_a_gap_too() -> None:
    evidence = await directory(replace(STATE, deprovisioned_at=None)).look(a_question())

    assert [item.kind for item in evidence] == [EvidenceKind.FOUND, EvidenceKind.GAP]
    assert evidence[1].facts["why"] == "field_missing"


async def test_each_account_has_its_answer() -> None:
    active = replace(STATE, status="active", deprovisioned_at=None)
    accounts = (Account(BOB), Account("nobody@acme.example"))

    evidence = await directory(active).look(a_question(accounts=accounts))
    without = await directory(active).look(a_question(accounts=()))

    assert [item.kind for item in evidence] == [EvidenceKind.FOUND, EvidenceKind.NOTHING]
    assert [item.facts["why"] for item in without] == ["not_asked"]


async def test_messages_and_escalations_are_notes_within_the_window() -> None:
    async def messages(question: Question) -> Rows[TicketMessage]:
        return Rows([MESSAGE])

    async def escalations(question: Question) -> Rows[Escalation]:
        return Rows([ESCALATION])

    connectors = TicketConnector(messages, clock, ids()), EscalationConnector(escalations, clock, ids())
    asked = a_question(ticket_id="t1", words="sessions that outlive a deactivation")
    later = replace(asked, window=Window(since=datetime(2026, 3, 21, tzinfo=UTC)))

    (message,), (escalation,) = [await connector.look(asked) for connector in connectors]

    assert (message.place, message.excerpt, message.authority) == ("t1/m1", MESSAGE.text, Authority.NOTE)
    assert (message.facts["audience"], message.facts["at"]) == ("customer", "2026-03-20T12:00:00+00:00")
    assert (escalation.place, escalation.observed_at) == ("esc-1", AT)
    assert escalation.facts["status"] == "open"
    for connector in connectors:
        assert [item.kind for item in await connector.look(later)] == [EvidenceKind.NOTHING]
