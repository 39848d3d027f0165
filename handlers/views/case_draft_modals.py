"""A draft: read sentence by sentence with what the linter marks, changed, taken responsibility for, put to the gate."""

from __future__ import annotations

from handlers.views import case_ids as ids
from handlers.views.blocks import (
    Block,
    actions,
    bullets,
    button,
    context,
    divider,
    labelled,
    line,
    moment,
    plain,
    rich,
    say,
)
from handlers.views.case_draft_facts import ChangeFacts, MarkFacts, WordChange
from handlers.views.case_draft_sentences import mark_line, mark_lines, page_of, place
from handlers.views.case_draft_text import draft_parts
from handlers.views.case_facts import CaseFacts, DraftFacts
from handlers.views.case_ids import Ref
from handlers.views.case_inputs import reason_input, select, text_input, without_hidden
from handlers.views.case_statement_modals import page_turns
from handlers.views.case_wording import (
    AUDIENCE_WORDS,
    CAUSE_WORDS,
    CODE_WORDS,
    DRAFT_WORDS,
    author_words,
    draft_state_words,
    name,
    or_plain,
)
from handlers.views.facts import ParamFacts, Untrusted
from handlers.views.parameters import Detail, parameter_blocks
from handlers.views.plain import one_line
from handlers.views.surfaces import modal
from handlers.views.wording import count
from policy.case_entries import CORRECTION_CAUSES
from policy.case_terms import DraftKind
from policy.terms import Provenance

PART_ROOM = 3000
"""Characters that one input of the edit form takes."""
_PARTS_MOST = 30
_CHANGES_SHOWN = 20
_CHANGE_LENGTH = 600
_OVERRIDES_SHOWN = 8
_RELEASED = (DraftKind.CUSTOMER_UPDATE, DraftKind.ENGINEERING_HANDOFF, DraftKind.SECURITY_HANDOFF)


def draft_modal(case: CaseFacts, draft: DraftFacts, at: int = 0) -> Block:
    """One revision to be read: state, sentences with their marks in place, warnings, what changed."""
    ref = Ref(case.case_id, draft.draft_id, draft.revision)
    page = page_of(draft, at)
    at = page.first
    blocks = [*_head(case, draft), *(_whole_draft_marks(draft) if at == 0 else []), *_ways(case, draft, ref)]
    blocks += page.blocks
    blocks += page_turns(ref, ids.PAGE_DRAFT, page.before, at, at + len(page.blocks), len(draft.sentences))
    if at == 0:
        blocks += [*_overridden(draft), *_changes(draft)]
    return modal(DRAFT_WORDS[draft.kind], blocks, str(Ref(ref.case_id, ref.item, ref.revision, at)))


def edit_draft_modal(case: CaseFacts, draft: DraftFacts) -> Block:
    """The draft as text: one sentence a line, with what it cites in brackets; long ones in several inputs."""
    hint = "One sentence a line, and in brackets at its end the statements that it rests on: [S1@2, S3]."
    parts = draft_parts([(one.text, one.cites) for one in draft.sentences])
    ref = Ref(case.case_id, draft.draft_id, draft.revision)
    if len(parts) > _PARTS_MOST or any(len(part) > PART_ROOM for part in parts):
        words = "It is too long to be edited here. Ask the copilot for a shorter one, or write a new draft."
        return modal(f"Edit revision {draft.revision}", [rich(line(say(words)))], str(ref))
    causes = [(one, CAUSE_WORDS[one]) for one in CORRECTION_CAUSES]
    blocks = [
        text_input(
            f"text_{number}", "Sentences" if number == 0 else f"Sentences, continued ({number + 1})",
            initial=part, most=PART_ROOM, hint=hint if number == 0 else "", is_required=number == 0,
        )
        for number, part in enumerate(parts)
    ]  # fmt: skip
    if any(without_hidden(one.text) != one.text for one in draft.sentences):
        blocks.append(context(plain("⚠️ Invisible characters were left out here; saving removes them.")))
    blocks += [
        select("cause", "Why does it need a change?", causes),
        reason_input("What is better now?", "Kept with the revision. The copilot is measured by the cause."),
        context(plain("It becomes a new revision, which inherits no approval.")),
    ]
    return modal(
        f"Edit revision {draft.revision}", blocks, str(ref), "Save", callback_id=ids.EDIT_DRAFT_VIEW, close="Cancel"
    )  # fmt: skip


def override_modal(case: CaseFacts, draft: DraftFacts) -> Block:
    """For which mark somebody takes responsibility, and why."""
    marks = [one for one in draft.blocks if one.can_be_overridden][:100]
    if not marks:
        words = "No mark of this revision can be overridden: change the sentence, or what it cites."
        return modal("Override a mark", [rich(line(say(words)))])
    # Of one code on one sentence there may be several, and one choice is for all of them.
    options = list({mark_value(one): f"{place(one)}: {or_plain(CODE_WORDS, one.code)}" for one in marks}.items())
    blocks = [
        rich(bullets([mark_line(one, draft) for one in marks[:_CHANGES_SHOWN]])),
        select("mark", "Which mark?", options),
        reason_input(
            "Why is it right as it stands?", "Under your name, beside the sentence, in the record and the trace."
        ),
        context(plain("It holds for these exact words in this revision. Only the lead may do this.")),
    ]
    seen = ids.marks_digest([(one.code, one.sentence, one.start, one.end, one.model) for one in draft.blocks])
    ref = Ref(case.case_id, draft.draft_id, draft.revision, seen=seen)
    return modal("Override a mark", blocks, str(ref), "Override", callback_id=ids.OVERRIDE_VIEW, close="Cancel")


def ask_release_modal(case: CaseFacts, draft: DraftFacts) -> Block:
    """The exact text, for whom it is, and what must hold; sending it asks the gate and releases nothing."""
    exact = ParamFacts("text", draft.exact_text, Provenance.OPERATOR, Untrusted(""))
    who = "one of support and one of security, two people" if case.latch.is_set else "an eligible person who is not you"
    must = [
        f"it is approved by {who}",
        "it is still the newest revision, and every statement that it cites is as it is now",
        "no new evidence and no message of the customer came after it was written",
        "the channel that it goes to is checked again at the moment of sending",
    ]
    lead = [
        labelled("For", say(AUDIENCE_WORDS[draft.kind], bold=True)),
        labelled("Draft", say(f"{DRAFT_WORDS[draft.kind]}, revision {draft.revision}")),
    ]
    held = [rich(line(say(f"⛔ It cannot go out now: {one_line(draft.held_back, 600)}", bold=True)))]
    blocks = [
        rich(*lead),
        *(held if draft.held_back else []),
        *parameter_blocks([exact], detail=Detail.AS_TEXT),
        rich(line(say("It goes out only if", bold=True)), bullets([line(say(words)) for words in must])),
        context(plain(_looked(case, draft))),
    ]
    ref = Ref(case.case_id, draft.draft_id, draft.revision)
    if draft.held_back or draft.blocks:
        return modal("Ask for release", blocks, str(ref))
    return modal("Ask for release", blocks, str(ref), "Ask", callback_id=ids.ASK_RELEASE_VIEW, close="Cancel")


def mark_value(mark: MarkFacts) -> str:
    """A mark as a choice of the override form: its code and its sentence's number."""
    return f"{mark.code}:{mark.sentence}"


def _head(case: CaseFacts, draft: DraftFacts) -> list[Block]:
    lines = [
        line(say(draft_state_words(draft), bold=True)),
        labelled("For", say(AUDIENCE_WORDS[draft.kind])),
        labelled("Revision", say(f"{draft.revision} by {author_words(draft.author)}")),
    ]
    if draft.reason:
        cause = f"{or_plain(CAUSE_WORDS, draft.cause)}: " if draft.cause else ""
        lines.append(labelled("Corrected", say(f"{cause}“{one_line(draft.reason, 400)}”")))
    newer = [] if draft.is_newest else [plain("⚠️ There is a newer revision; this one cannot go out")]
    return [rich(*lines), context(moment(draft.written_at, "Written"), plain(_looked(case, draft)), *newer)]


def _looked(case: CaseFacts, draft: DraftFacts) -> str:
    """Whether a model has looked at it after the rules had."""
    look = draft.look
    if look is None:
        if not case.model:
            return "Marked by the rules alone"
        will = "has not looked yet" if case.is_open and draft.is_newest else "did not look at it"
        return f"Marked by the rules; the model {will}"
    if look.why_not:
        return f"Marked by the rules alone: the model could not look, {look.why_not}"
    return f"Marked by the rules; {one_line(look.model, 60)} looked too and suggested {count(look.marks, 'mark')}"


def _ways(case: CaseFacts, draft: DraftFacts, ref: Ref) -> list[Block]:
    if not case.is_open or not draft.is_newest:
        return []
    made = [button("Edit…", ids.EDIT_DRAFT, str(ref))]
    if any(one.can_be_overridden for one in draft.blocks):
        made.append(button("Override a mark…", ids.OVERRIDE_MARK, str(ref)))
    if draft.kind in _RELEASED and draft.state.value == "written" and not draft.blocks:
        made.append(button("Ask for release…", ids.ASK_RELEASE, str(ref), style="primary"))
    made.append(button("Ask the copilot…", ids.ASK_COPILOT, str(Ref(case.case_id))))
    return [actions(*made), divider()]


def _whole_draft_marks(draft: DraftFacts) -> list[Block]:
    marks = [one for one in draft.marks if one.sentence < 0]
    return [rich(bullets(mark_lines(marks, draft)))] if marks else []


def _overridden(draft: DraftFacts) -> list[Block]:
    lines = [
        line(
            say(f"{place(one.mark)}: {or_plain(CODE_WORDS, one.mark.code)}. ", bold=True),
            say(f"{name(one.by)} takes responsibility: “{one_line(one.reason, 300)}”"),
        )
        for one in draft.overridden[:_OVERRIDES_SHOWN]
    ]
    hidden = len(draft.overridden) - _OVERRIDES_SHOWN
    lines += [line(say(f"and {hidden} more, in the trace"))] if hidden > 0 else []
    return [rich(line(say("Overridden", bold=True)), bullets(lines))] if lines else []


def _changes(draft: DraftFacts) -> list[Block]:
    if not draft.changes:
        return []
    lines = [_change_line(one) for one in draft.changes[:_CHANGES_SHOWN]]
    hidden = len(draft.changes) - _CHANGES_SHOWN
    lines += [line(say(f"and {hidden} more, in the trace"))] if hidden > 0 else []
    return [divider(), rich(line(say(f"Changed since revision {draft.revision - 1}", bold=True)), bullets(lines))]


def _change_line(change: ChangeFacts) -> Block:
    """Words as they were and are; signs as well as type, so that it can be read aloud."""
    runs = []
    for kind, text in change.words[:200]:
        shown = one_line(text, _CHANGE_LENGTH)
        match kind:
            case WordChange.ADDED:
                runs.append(say(f"{{+{shown}+}} ", bold=True))
            case WordChange.REMOVED:
                runs.append(_struck(f"[-{shown}-] "))
            case WordChange.SAME:
                runs.append(say(f"{shown} "))
    if change.cited is not None:
        before = ", ".join(one_line(one, 60) for one in change.cited[:12]) or "nothing"
        runs.append(say(f"  ·  cited {before} before", italic=True))
    return line(*(runs or [say("the same words")]))


def _struck(text: str) -> Block:
    return say(text) | {"style": {"strike": True}}
