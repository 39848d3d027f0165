"""One revision of a draft as the facts that its views show: what stands against it, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from copilot.draft_differences import Change, Difference, differences
from copilot.lint_terms import NEVER_OVERRIDDEN, WHOLE_DRAFT, Level, Mark
from copilot.rendered_draft import rendered
from handlers.flows.case_holds import why_not_now
from handlers.flows.case_linting import lint_revision
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
from handlers.views.facts import Untrusted
from policy import case_entries as e
from policy.case_story import CaseStory, Revision
from policy.case_terms import Author
from policy.terms import PersonKey, RequestStatus
from storage import requests
from storage.database import Transaction
from storage.schema import ActionRequest, CaseRow

SUGGESTED_CURE = "Put it otherwise, or override it with a reason."
_STATES: Mapping[RequestStatus, DraftState] = {
    RequestStatus.PENDING: DraftState.WAITING,
    RequestStatus.APPROVED: DraftState.APPROVED,
    RequestStatus.RUNNING: DraftState.APPROVED,
    RequestStatus.UNKNOWN: DraftState.APPROVED,
    RequestStatus.EXECUTED: DraftState.SENT,
}
"""Where a revision stands by the request that was made of it; any other request has ended in vain."""
_UNDER_WAY = frozenset({RequestStatus.PENDING, RequestStatus.APPROVED})


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
        sentences=tuple(
            SentenceFacts(Untrusted(one.text), one.cites, author_facts(one.author)) for one in draft.sentences
        ),
        author=author_facts(revision.written.author),
        written_at=revision.entry.at,
        marks=tuple(_mark(one) for one in found.marks if one not in lifted),
        overridden=tuple(
            OverrideFacts(_mark(mark), person_facts(override.by), Untrusted(override.reason))
            for mark, override in found.overridden
        ),
        changes=() if earlier is None else tuple(_changes(differences(earlier.draft, draft))),
        exact_text=rendered(draft),
        held_back="" if sent else why_not_now(story, row.id, revision, params, found),
        reason=Untrusted(revision.written.reason),
        cause=revision.written.cause,
        sent_at=sent[-1] if sent else None,
        is_newest=story.newest(draft.draft_id) is revision,
        look=_look(story, revision),
    )


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


def person_facts(key: PersonKey) -> PersonFacts:
    """Somebody, where a mention can stand."""
    return PersonFacts(key.user_id, Untrusted(key.user_id))


def author_facts(author: Author) -> AuthorFacts:
    """Whoever wrote something."""
    return AuthorFacts(
        None if author.person is None else person_facts(author.person), author.model, author.prompt_version
    )
