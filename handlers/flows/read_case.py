"""A case's record as the facts that its views show. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from uuid import UUID

from copilot.assistant_terms import Spent
from copilot.draft_differences import Change, Difference, differences
from copilot.handoff import Recipient, make_packet
from copilot.handoff_gaps import completeness
from copilot.handoff_record import record_of
from copilot.lint_terms import NEVER_OVERRIDDEN, WHOLE_DRAFT, Level, Mark
from copilot.rendered_draft import rendered
from handlers.desk import Desk
from handlers.errors import NotFound
from handlers.flows.case_holds import why_not_now
from handlers.flows.case_linting import lint_revision
from handlers.flows.case_people import who_asked
from handlers.flows.change_case import ASKED_ON_IT, asked_on_it, read_story
from handlers.flows.check_access import require_access
from handlers.flows.one_person import Addresses, with_addresses
from handlers.flows.reveal_value import kept_from_copilot
from handlers.views.case_draft_facts import (
    AuthorFacts,
    ChangeFacts,
    DraftFacts,
    DraftState,
    LookFacts,
    MarkFacts,
    OverrideFacts,
    PersonFacts,
    SentenceFacts,
    WordChange,
)
from handlers.views.case_facts import (
    CaseFacts,
    CaseRowFacts,
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
from policy.case_foundations import cannot_confirm, current_ids
from policy.case_release import ACTION_OF, HAND_OFF
from policy.case_rules import is_confirmed
from policy.case_story import CaseStory, Revision
from policy.case_terms import Author, Evidence, Statement, StatementKind, StatementState
from policy.latching import SECURITY, LatchState
from policy.terms import Person, PersonKey, RequestStatus
from storage import audit, cases, requests, tickets
from storage.audit import Step
from storage.database import Transaction
from storage.labels import labels
from storage.schema import ActionRequest, CaseRow
from storage.told import TrailBroken

SUGGESTED_CURE = "Put it otherwise, or override it with a reason."
LATCH_DUE = "A handoff to security is due, because the latch is set."
_STATES: Mapping[RequestStatus, DraftState] = {
    RequestStatus.PENDING: DraftState.WAITING,
    RequestStatus.APPROVED: DraftState.APPROVED,
    RequestStatus.RUNNING: DraftState.APPROVED,
    RequestStatus.UNKNOWN: DraftState.APPROVED,
    RequestStatus.EXECUTED: DraftState.SENT,
}
"""Where a revision stands by the request that was made of it; any other request has ended in vain."""


_UNDER_WAY = frozenset({RequestStatus.PENDING, RequestStatus.APPROVED})


async def read_case(desk: Desk, case_id: UUID, person: Person, what: str) -> CaseFacts:
    """A case for somebody who works the desk. Raises Refused (on record), NotFound."""
    async with desk.database.transaction() as tx:
        row = await cases.get(tx, case_id)
    if row is None:
        raise NotFound("case")
    await require_access(desk, person, what, row.ticket_id)
    found = await with_addresses(desk, [person], partial(_read, desk, row, person, what))
    if found is None:
        raise asked_on_it(is_recorded=True)
    return found


async def _read(desk: Desk, row: CaseRow, person: Person, what: str, addresses: Addresses) -> CaseFacts | None:
    """None for who asked on the ticket: what is found out about their own matter is not theirs to read."""
    async with desk.database.transaction() as tx:
        story = await read_story(tx, row.id)
        ticket = await tickets.get(tx, UUID(story.opened.ticket_id))
        if ticket is None:
            raise NotFound("ticket")
        if not (await who_asked(tx, addresses, ticket, person)).is_theirs:
            return await case_facts(desk, tx, row, story)
        payload = {"case": str(row.id), "what": what, "rule": "case-no-requester", "reason": ASKED_ON_IT}
        await audit.record(tx, ticket.id, Step.CASE_REFUSED, str(person.key), payload, at=desk.clock())
    return None


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
    statements = tuple(_statement(story, one, evidence) for one in story.held.statements)
    drafts = [await draft_facts(tx, row, story, revisions[-1]) for _, revisions in sorted(story.drafts.items())]
    return CaseFacts(
        case_id=str(row.id),
        ticket_id=story.opened.ticket_id,
        ticket_number=story.opened.ticket_number,
        title=Untrusted(story.opened.title),
        goal=Untrusted(story.frame.goal if story.frame else ""),
        stays_human=Untrusted(story.frame.stays_human if story.frame else ""),
        lead=_person(story.lead),
        opened_at=story.opened_at,
        members=tuple(map(_person, story.members)),
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


async def case_rows(desk: Desk, person: PersonKey | None = None) -> tuple[CaseRowFacts, ...]:
    """The open cases for a list, those of `person` first."""
    async with desk.database.transaction() as tx:
        rows = await cases.open_ones(tx)
        names = await labels(tx, {PersonKey.parse(row.lead) for row in rows})
        found = [await _row(tx, row, names) for row in rows]
    return tuple(sorted(found, key=lambda one: person is None or one.lead.user_id != person.user_id))


def evidence_facts(story: CaseStory) -> dict[str, EvidenceFacts]:
    """Every item, by its id, in the order in which it came."""
    current = current_ids(story.held.evidence)
    return {
        one.evidence_id: _evidence(one, number, is_current=one.evidence_id in current)
        for number, one in enumerate(story.held.evidence, 1)
    }


async def draft_facts(tx: Transaction, row: CaseRow, story: CaseStory, revision: Revision) -> DraftFacts:
    """One revision of a draft, with what stands against it and what would go out."""
    draft, found = revision.draft, lint_revision(story, revision)
    earlier = story.revision(draft.draft_id, draft.revision - 1)
    lifted = {mark for mark, _ in found.overridden}
    sent = [entry.at for entry, body in story.releases if _is_of(body, revision)]
    request = await _request_of(tx, story, revision)
    params = None if request is None or request.status not in _UNDER_WAY else request.params
    return DraftFacts(
        draft_id=draft.draft_id,
        kind=draft.kind,
        revision=draft.revision,
        state=_draft_state(request, is_blocked=bool(found.blocks)),
        sentences=tuple(SentenceFacts(Untrusted(one.text), one.cites, _author(one.author)) for one in draft.sentences),
        author=_author(revision.written.author),
        written_at=revision.entry.at,
        marks=tuple(_mark(one) for one in found.marks if one not in lifted),
        overridden=tuple(
            OverrideFacts(_mark(mark), _person(override.by), Untrusted(override.reason))
            for mark, override in found.overridden
        ),
        changes=() if earlier is None else tuple(_changes(differences(earlier.draft, draft))),
        exact_text=rendered(draft),
        held_back="" if sent else why_not_now(story, row.id, revision, params),
        reason=Untrusted(revision.written.reason),
        cause=revision.written.cause,
        sent_at=sent[-1] if sent else None,
        is_newest=story.newest(draft.draft_id) is revision,
        look=_look(story, revision),
    )


def _statement(story: CaseStory, one: Statement, evidence: Mapping[str, EvidenceFacts]) -> StatementFacts:
    is_fact = one.kind is StatementKind.FACT and one.state in (StatementState.PROPOSED, StatementState.ACCEPTED)
    refusal = cannot_confirm(one, story.held.evidence, story.held.statements) if is_fact else None
    return StatementFacts(
        statement_id=one.statement_id,
        revision=one.revision,
        kind=one.kind,
        state=one.state,
        text=Untrusted(one.text),
        author=_author(one.author),
        evidence=tuple(evidence[name] for name in one.evidence if name in evidence),
        claim=one.claim,
        owner=_owner(one),
        due_at=one.due_at,
        resolution=Untrusted(one.resolution),
        is_confirmed=is_confirmed(one, story.held),
        why_not="" if refusal is None else refusal.reply,
        history=tuple(_history(story, one.statement_id)),
    )


def _history(story: CaseStory, statement_id: str) -> Iterator[StepFacts]:
    for entry in story.entries:
        body = entry.body
        if isinstance(body, e.StatementStep) and body.statement.statement_id == statement_id:
            by = _actor(entry.actor) if body.event is not None else _author(body.statement.author)
            yield StepFacts(body.event, by, entry.at, body.statement.revision, Untrusted(body.reason))


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
        asked_by=None if one.asked_by is None else _person(one.asked_by),
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
    releases = tuple(LatchReleaseFacts(_person(one.by), one.at, Untrusted(one.reason)) for one in story.latch.releases)
    # Those whom the settings name; whether one of them may is asked of Slack when they do it.
    group = desk.settings.groups.get(SECURITY)
    releasers = tuple(PersonFacts(one, Untrusted(one)) for one in sorted(group.member_ids if group else ()))
    return LatchFacts(story.latch.state, reasons, seen_digest(story.latch.marks), releasers, releases)


def _holdups(story: CaseStory) -> Iterator[str]:
    handed = any(body.audience == "security" for _, body in story.releases)
    if story.latch.handoff_due and not handed:
        yield LATCH_DUE


async def _request_of(tx: Transaction, story: CaseStory, revision: Revision) -> ActionRequest | None:
    """The last request that was made of a revision."""
    asked = [one.body for one in story.entries if isinstance(one.body, e.ReleaseAsked) and _is_of(one.body, revision)]
    return await requests.get(tx, UUID(asked[-1].request_id)) if asked else None


def _draft_state(request: ActionRequest | None, *, is_blocked: bool) -> DraftState:
    state = None if request is None else _STATES.get(RequestStatus(request.status))
    return state or (DraftState.BLOCKED if is_blocked else DraftState.WRITTEN)


def _is_of(body: e.ReleaseAsked | e.Released, revision: Revision) -> bool:
    return (body.draft_id, body.revision) == (revision.draft.draft_id, revision.draft.revision)


def _mark(mark: Mark) -> MarkFacts:
    return MarkFacts(
        code=mark.code.value,
        is_block=mark.level is Level.BLOCK,
        sentence=-1 if mark.sentence == WHOLE_DRAFT else mark.sentence,
        start=mark.start,
        end=mark.end,
        cure=SUGGESTED_CURE if mark.model else mark.words,
        can_be_overridden=mark.code not in NEVER_OVERRIDDEN,
        model=mark.model,
        said=Untrusted(mark.words if mark.model else ""),
    )


def _look(story: CaseStory, revision: Revision) -> LookFacts | None:
    draft = revision.draft
    looks = [one for _, one in story.suggestions if (one.draft_id, one.revision) == (draft.draft_id, draft.revision)]
    return LookFacts(looks[-1].author.model, len(looks[-1].marks), looks[-1].why) if looks else None


def _changes(found: Sequence[Difference]) -> Iterator[ChangeFacts]:
    for one in found:
        match one.change:
            case Change.ADDED if one.after is not None:
                yield ChangeFacts(((WordChange.ADDED, Untrusted(one.after.text)),))
            case Change.REMOVED if one.before is not None:
                yield ChangeFacts(((WordChange.REMOVED, Untrusted(one.before.text)),))
            case Change.CHANGED if one.before is not None and one.after is not None:
                words = tuple((WordChange(part.change.value), Untrusted(part.text)) for part in one.words)
                yield ChangeFacts(words, one.before.cites if one.before.cites != one.after.cites else None)


async def _row(tx: Transaction, row: CaseRow, names: Mapping[PersonKey, str]) -> CaseRowFacts:
    try:
        story = await cases.story(tx, row.id)
    except TrailBroken:
        lead = _named(PersonKey.parse(row.lead), names)
        return CaseRowFacts(str(row.id), 0, Untrusted(""), lead, row.updated_at, is_readable=False)
    waiting = [one for one in story.held.statements if one.state is StatementState.PROPOSED]
    conflicts = [one for one in story.held.statements if _is_open_conflict(one)]
    return CaseRowFacts(
        case_id=str(row.id),
        ticket_number=story.opened.ticket_number,
        title=Untrusted(story.opened.title),
        lead=_named(story.lead, names),
        updated_at=row.updated_at,
        latch=LatchState(story.latch.state),
        conflicts=len(conflicts),
        undecided=len(waiting),
        is_open=story.is_open,
    )


def _is_open_conflict(one: Statement) -> bool:
    is_settled = one.state is StatementState.RESOLVED and bool(one.resolution.strip())
    return one.kind is StatementKind.CONFLICT and not is_settled


def _named(key: PersonKey, names: Mapping[PersonKey, str]) -> PersonFacts:
    """Where no mention can stand, a name does, if one is known."""
    return PersonFacts(key.user_id, Untrusted(names.get(key, key.user_id)))


def _person(key: PersonKey) -> PersonFacts:
    return PersonFacts(key.user_id, Untrusted(key.user_id))


def _author(author: Author) -> AuthorFacts:
    return AuthorFacts(None if author.person is None else _person(author.person), author.model, author.prompt_version)


def _actor(actor: str) -> AuthorFacts:
    """Whoever stands on the trail: a person, or a part of the bot."""
    return AuthorFacts(_person(PersonKey.parse(actor))) if "/" in actor else AuthorFacts(prompt_version="rules")
