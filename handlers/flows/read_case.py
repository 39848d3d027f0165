"""A case's record as the facts that its views show. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from uuid import UUID

from copilot.assistant_terms import Spent
from copilot.handoff import Recipient, make_packet
from copilot.handoff_gaps import completeness
from copilot.handoff_record import record_of
from handlers.desk import Desk
from handlers.errors import NotFound, Refused
from handlers.flows.case_people import who_asked
from handlers.flows.change_case import asked_on_it, not_for_them, read_story
from handlers.flows.check_access import require_access
from handlers.flows.one_person import Addresses, with_addresses
from handlers.flows.read_draft import author_facts, draft_facts, person_facts
from handlers.flows.reveal_value import kept_from_copilot
from handlers.views.case_draft_facts import (
    AuthorFacts,
    PersonFacts,
)
from handlers.views.case_facts import (
    CaseFacts,
    EvidenceFacts,
    HandoffFacts,
    LatchFacts,
    LatchReasonFacts,
    LatchReleaseFacts,
    RevealableFacts,
    StatementFacts,
    StepFacts,
)
from handlers.views.case_ids import seen_digest
from handlers.views.facts import Untrusted
from policy import case_entries as e
from policy.case_foundations import cannot_confirm
from policy.case_release import ACTION_OF, HAND_OFF
from policy.case_rules import is_confirmed
from policy.case_story import CaseStory
from policy.case_terms import Evidence, Statement, StatementKind, StatementState
from policy.latching import SECURITY
from policy.terms import Person, PersonKey
from storage import audit, cases, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.schema import CaseRow

LATCH_DUE = "A handoff to security is due, because the latch is set."


async def read_case(desk: Desk, case_id: UUID, person: Person, what: str) -> CaseFacts:
    """A case for somebody who works the desk and, where it is private, is of the case. Raises Refused (on record),
    NotFound."""
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
    if row is None:
        raise NotFound("case")
    await require_access(desk, person, what, row.ticket_id)
    found = await with_addresses(desk, [person], partial(_read, desk, row, person, what))
    if isinstance(found, Refused):
        raise found
    return found


async def _read(desk: Desk, row: CaseRow, person: Person, what: str, addresses: Addresses) -> CaseFacts | Refused:
    """Refused for who asked on the ticket, because what is found out about their own matter is not theirs to read, and
    for who is not of a private case."""
    async with desk.database.transaction() as tx:
        story = await read_story(tx, row.id)
        ticket = await tickets.get(tx, UUID(story.opened.ticket_id))
        if ticket is None:
            raise NotFound("ticket")
        if (await who_asked(tx, addresses, ticket, person)).is_theirs:
            refusal = asked_on_it(is_recorded=True)
        elif not story.is_read_by(person):
            refusal = not_for_them(is_recorded=True)
        else:
            return await case_facts(desk, tx, row, story)
        payload = {"case": str(row.id), "what": what, "rule": refusal.code, "reason": refusal.reply}
        await audit.record(tx, ticket.id, Step.CASE_REFUSED, str(person.key), payload, at=desk.clock())
    return refusal


async def revealable(desk: Desk, case_id: UUID) -> tuple[RevealableFacts, ...]:
    """What the copilot is not shown of a case, for its people to choose from."""
    async with desk.database.transaction() as tx:
        story = await read_story(tx, case_id)
    return tuple(RevealableFacts(one.sha256, one.kind, Untrusted(one.value)) for one in kept_from_copilot(story))


async def handoff_facts(desk: Desk, case_id: UUID, case: CaseFacts, made_by: PersonKey) -> HandoffFacts:
    """How complete a packet would be, made now."""
    async with desk.database.transaction() as tx:
        story = await read_story(tx, case_id)
    record = record_of(str(case_id), story)
    packet = make_packet(record, Recipient.SECURITY, made_by=made_by, made_at=desk.clock())
    found = completeness(packet)
    drafts = tuple(one for one in case.drafts if ACTION_OF.get(one.kind) == HAND_OFF)
    return HandoffFacts(tuple(part.value for part in found.missing), found.shortcomings, drafts)


async def case_facts(desk: Desk, tx: Transaction, row: CaseRow, story: CaseStory) -> CaseFacts:
    """Everything that the case's card and its page show."""
    evidence = evidence_facts(story)
    histories = _histories(story)
    statements = tuple(_statement(story, one, evidence, histories[one.statement_id]) for one in story.held.statements)
    drafts = [await draft_facts(tx, row, story, revisions[-1]) for _, revisions in sorted(story.drafts.items())]
    return CaseFacts(
        case_id=str(row.id),
        ticket_id=story.opened.ticket_id,
        ticket_number=story.opened.ticket_number,
        title=Untrusted(story.opened.title),
        goal=Untrusted(story.frame.goal if story.frame else ""),
        stays_human=Untrusted(story.frame.stays_human if story.frame else ""),
        lead=person_facts(story.lead),
        opened_at=story.opened_at,
        members=tuple(map(person_facts, story.members)),
        is_open=story.is_open,
        statements=statements,
        evidence=tuple(evidence.values()),
        drafts=tuple(drafts),
        latch=_latch(desk, story, evidence),
        holdups=tuple(_holdups(story)),
        turns=len(story.turns),
        spent_usd=str(Spent.of_case(story).usd),
        model=desk.copilot_model,
    )


def evidence_facts(story: CaseStory) -> dict[str, EvidenceFacts]:
    """Every item, by its id, in the order in which it came."""
    current = story.held.grounds.current
    return {
        one.evidence_id: _evidence(one, number, is_current=one.evidence_id in current)
        for number, one in enumerate(story.held.evidence, 1)
    }


def _statement(
    story: CaseStory, one: Statement, evidence: Mapping[str, EvidenceFacts], history: Sequence[StepFacts]
) -> StatementFacts:
    is_fact = one.kind is StatementKind.FACT and one.state in (StatementState.PROPOSED, StatementState.ACCEPTED)
    refusal = cannot_confirm(one, story.held.grounds) if is_fact else None
    return StatementFacts(
        statement_id=one.statement_id,
        revision=one.revision,
        kind=one.kind,
        state=one.state,
        text=Untrusted(one.text),
        author=author_facts(one.author),
        evidence=tuple(evidence[name] for name in one.evidence if name in evidence),
        claim=one.claim,
        owner=_owner(one),
        due_at=one.due_at,
        resolution=Untrusted(one.resolution),
        is_confirmed=is_confirmed(one, story.held),
        why_not="" if refusal is None else refusal.reply,
        history=tuple(history),
    )


def _histories(story: CaseStory) -> Mapping[str, Sequence[StepFacts]]:
    """The steps of each statement, oldest first."""
    found: dict[str, list[StepFacts]] = {}
    for entry in story.entries:
        body = entry.body
        if isinstance(body, e.StatementStep):
            by = _actor(entry.actor) if body.event is not None else author_facts(body.statement.author)
            step = StepFacts(body.event, by, entry.at, body.statement.revision, Untrusted(body.reason))
            found.setdefault(body.statement.statement_id, []).append(step)
    return found


def _owner(one: Statement) -> PersonFacts | None:
    if one.owner is not None:
        return PersonFacts(one.owner.user_id, Untrusted(one.owner_label or one.owner.user_id))
    return PersonFacts(None, Untrusted(one.owner_label)) if one.owner_label.strip() else None


def _evidence(one: Evidence, number: int, *, is_current: bool) -> EvidenceFacts:
    return EvidenceFacts(
        evidence_id=one.evidence_id,
        number=number,
        source=one.source,
        kind=one.kind,
        authority=one.authority,
        excerpt=Untrusted(one.excerpt),
        place=Untrusted(one.place),
        query=Untrusted("; ".join(_asked(one.query))),
        retrieved_at=one.retrieved_at,
        observed_at=one.observed_at,
        asked_by=None if one.asked_by is None else person_facts(one.asked_by),
        confidence=one.confidence,
        sha256=one.sha256,
        is_current=is_current,
    )


def _asked(query: Mapping[str, object]) -> Iterator[str]:
    """What was asked for, in words."""
    for name, value in query.items():
        if isinstance(value, list):
            shown = [", ".join(str(part) for part in one.values() if part) for one in value if isinstance(one, dict)]
            yield f"{name}: {'; '.join(shown)}"
        elif name != "ticket_id" and value:
            yield f"{name}: {value}"


def _latch(desk: Desk, story: CaseStory, evidence: Mapping[str, EvidenceFacts]) -> LatchFacts:
    reasons = tuple(
        LatchReasonFacts(
            one.rule, Untrusted(one.sentence), tuple(evidence[name] for name in one.evidence if name in evidence)
        )
        for one in story.latch.reasons
    )
    releases = tuple(
        LatchReleaseFacts(person_facts(one.by), one.at, Untrusted(one.reason)) for one in story.latch.releases
    )
    # Those whom the settings name; whether one of them may is asked of Slack when they do it.
    group = desk.settings.groups.get(SECURITY)
    releasers = tuple(PersonFacts(one, Untrusted(one)) for one in sorted(group.member_ids if group else ()))
    return LatchFacts(story.latch.state, reasons, seen_digest(story.latch.marks), releasers, releases)


def _holdups(story: CaseStory) -> Iterator[str]:
    handed = any(body.audience == "security" for _, body in story.releases)
    if story.latch.handoff_due and not handed:
        yield LATCH_DUE


def _actor(actor: str) -> AuthorFacts:
    """Whoever stands on the trail: a person, or a part of the bot."""
    return AuthorFacts(person_facts(PersonKey.parse(actor))) if "/" in actor else AuthorFacts(prompt_version="rules")
