"""What a handoff packet is made of, taken from a case's record: statements, evidence, dissent, approvals, the latch."""

from __future__ import annotations

from collections.abc import Iterator

from copilot.handoff import Approval, CaseRecord, Dissent, Part, StatedEmpty
from policy.case_entries import StatementStep
from policy.case_story import CaseStory
from policy.case_terms import StatementState
from policy.terms import PersonKey


def record_of(case_id: str, story: CaseStory) -> CaseRecord:
    """A case as it is at the end of this story."""
    return CaseRecord(
        case_id=case_id,
        ticket_id=story.opened.ticket_id,
        title=story.opened.title,
        statements=story.held.statements,
        evidence=story.held.evidence,
        dissent=tuple(_dissent(story)),
        approvals=tuple(_approvals(story)),
        latch=story.latch,
        stated_empty=tuple(
            StatedEmpty(Part(one.part), one.words, PersonKey.parse(entry.actor), entry.at)
            for entry, one in story.stated_empty
        ),
    )


def _dissent(story: CaseStory) -> Iterator[Dissent]:
    """Every rejection, by whom, when and why, of what is rejected still."""
    rejected = {one.statement_id for one in story.held.statements if one.state is StatementState.REJECTED}
    for entry in story.entries:
        body = entry.body
        if not isinstance(body, StatementStep) or body.statement.statement_id not in rejected:
            continue
        if body.statement.state is StatementState.REJECTED:
            yield Dissent(body.statement, _person(entry.actor), entry.at, body.reason)


def _approvals(story: CaseStory) -> Iterator[Approval]:
    for entry, one in story.releases:
        what = f"draft {one.draft_id}, revision {one.revision}, sent to {one.audience}"
        yield from (Approval(what, one.text_sha256, person, entry.at) for person in one.approvers)


def _person(actor: str) -> PersonKey | None:
    try:
        return PersonKey.parse(actor)
    except ValueError:
        return None
