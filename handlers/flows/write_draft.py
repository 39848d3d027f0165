"""Drafts of a case: made from its statements by rule, changed by people, each revision whole and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from copilot.drafting import compose
from copilot.lint_terms import NEVER_OVERRIDDEN, WHOLE_DRAFT
from handlers.desk import Desk
from handlers.errors import BadInput, NotFound, Refused
from handlers.flows.case_linting import lint_revision
from handlers.flows.change_case import OpenCase, change_case
from handlers.flows.suggest_marks import ask_for_marks
from handlers.views.case_ids import marks_digest
from policy import case_entries as e
from policy.case_entries import CORRECTION_CAUSES
from policy.case_story import CaseStory, Revision
from policy.case_terms import Author, Draft, DraftKind, Sentence
from policy.terms import Person, PersonKey

NOTHING_SAID = "Write at least one sentence."
NOT_CHANGED = "Nothing is different from the revision before. Change a sentence or a statement, then try again."
NO_REASON = "Say in a sentence why it had to be changed."
STALE = "Somebody wrote a newer revision since you looked, so nothing was changed. Open the draft anew and try again."
NO_SUCH_MARK = "This revision has no such mark that could be overridden. Open the draft anew and try again."
OTHER_MARKS = (
    "It is marked otherwise since you looked, so nothing was done. Open the draft anew, read the marks, then try again."
)
TEMPLATES = Author(prompt_version="templates.v1")


async def write_draft(desk: Desk, case_id: UUID, kind: DraftKind, person: Person) -> CaseStory:
    """The next revision of the draft of this kind, by rule, from what the case holds. Raises Refused, NotFound."""

    async def change(case: OpenCase) -> Sequence[e.Body]:
        number = len(case.story.drafts.get(kind.value, ())) + 1
        draft = compose(kind.value, kind, case.story.held, revision=number)
        before = case.story.newest(kind.value)
        if before is not None and before.draft.sentences == draft.sentences and before.framing == case.story.framings:
            raise Refused("nothing changed", code="case-draft-unchanged", reply=NOT_CHANGED)
        await ask_for_marks(desk, case, draft, person.key)
        return [e.Drafted(draft, TEMPLATES)]

    return await change_case(desk, case_id, person, "write a draft", change)


async def edit_draft(
    desk: Desk,
    case_id: UUID,
    draft_id: str,
    seen_revision: int,
    sentences: Sequence[tuple[str, tuple[str, ...]]],
    reason: str,
    cause: str,
    person: Person,
) -> CaseStory:
    """A person's revision: each sentence with what it cites. A sentence that stays keeps its author.

    Raises Refused (on record), NotFound, BadInput.
    """
    if not any(text.strip() for text, _ in sentences):
        raise BadInput({"text": NOTHING_SAID})
    if not reason.strip():
        raise BadInput({"reason": NO_REASON})
    if cause not in CORRECTION_CAUSES:
        raise BadInput({"cause": f"Choose one of: {', '.join(CORRECTION_CAUSES)}."})

    async def change(case: OpenCase) -> Sequence[e.Body]:
        before = revision_of(case.story, draft_id, seen_revision)
        after = replace(
            before.draft, revision=seen_revision + 1, sentences=_edited(before.draft, sentences, person.key)
        )
        if after.sentences == before.draft.sentences:
            raise BadInput({"text": NOT_CHANGED})
        await ask_for_marks(desk, case, after, person.key)
        return [e.Drafted(after, Author(person=person.key), reason.strip(), cause)]

    return await change_case(desk, case_id, person, "edit a draft", change)


async def override_mark(
    desk: Desk,
    case_id: UUID,
    draft_id: str,
    seen_revision: int,
    code: str,
    sentence: int,
    reason: str,
    person: Person,
    *,
    seen: str,
) -> CaseStory:
    """The lead answers for one mark on one sentence, which then blocks no more. Raises Refused, NotFound, BadInput.

    `sentence`: its number from 0, or negative for the draft as a whole. `seen`: `marks_digest` of what blocked it when
    they looked, for a model may have marked more since.
    """
    if not reason.strip():
        raise BadInput({"reason": NO_REASON})

    async def change(case: OpenCase) -> Sequence[e.Body]:
        before = revision_of(case.story, draft_id, seen_revision)
        number = max(sentence, WHOLE_DRAFT)
        blocks = lint_revision(case.story, before).blocks
        if (code, number) not in {(one.code, one.sentence) for one in blocks if one.code not in NEVER_OVERRIDDEN}:
            raise Refused("no such mark", code="case-no-mark", reply=NO_SUCH_MARK)
        if seen != marks_digest([(one.code, one.sentence, one.start, one.end, one.model) for one in blocks]):
            raise Refused("it is marked otherwise by now", code="case-other-marks", reply=OTHER_MARKS)
        text = "" if number == WHOLE_DRAFT else before.draft.sentences[number].text
        return [e.Overridden(draft_id, seen_revision, code, text, reason.strip())]

    return await change_case(desk, case_id, person, "override a mark", change, lead_only=True)


def revision_of(story: CaseStory, draft_id: str, seen_revision: int) -> Revision:
    """The newest revision, if it is the one that was seen. Raises NotFound, Refused."""
    newest = story.newest(draft_id)
    if newest is None:
        raise NotFound("draft")
    if newest.draft.revision != seen_revision:
        raise Refused("a newer revision is there", code="case-stale-draft", reply=STALE)
    return newest


def _edited(draft: Draft, sentences: Sequence[tuple[str, tuple[str, ...]]], editor: PersonKey) -> tuple[Sentence, ...]:
    known = {(one.text, one.cites): one for one in draft.sentences}
    return tuple(
        known.get((text.strip(), cites)) or Sentence(text.strip(), cites, Author(person=editor))
        for text, cites in sentences
        if text.strip()
    )
