"""One statement, whole, with what can be done with it; the forms in which it is done; and a list of all statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from handlers.views import case_ids as ids
from handlers.views.blocks import (
    Block,
    actions,
    bullets,
    button,
    context,
    labelled,
    line,
    plain,
    quote,
    rich,
    say,
    when,
)
from handlers.views.case_facts import CaseFacts, EvidenceFacts, StatementFacts, StepFacts
from handlers.views.case_ids import Ref
from handlers.views.case_inputs import (
    EVIDENCE_CHOSEN,
    evidence_input,
    moment_input,
    person_input,
    radio,
    reason_input,
    select,
    text_input,
)
from handlers.views.case_lines import groups, heading, rejected_count, statement_block
from handlers.views.case_wording import (
    AUTHORITY_WORDS,
    CLAIM_WORDS,
    EVENT_WORDS,
    KIND_WORDS,
    author_words,
    evidence_label,
    someone,
    state_words,
)
from handlers.views.plain import one_line, visible
from handlers.views.surfaces import modal
from handlers.views.wording import count
from policy.case_moves import KINDS_FOR, MOVES, StatementEvent
from policy.case_terms import Claim, StatementKind, StatementState

STATEMENT_LENGTH = 2000
PAGE_SIZE = 40
_WHOLE_LENGTH = 6000
_EVIDENCE_SHOWN = 15
_EXCERPT_LENGTH = 700
_HISTORY_SHOWN = 12

_WAYS: Mapping[StatementEvent, tuple[str, str, str | None]] = MappingProxyType(
    {
        StatementEvent.ACCEPTED: ("Accept", ids.ACCEPT_STATEMENT, "primary"),
        StatementEvent.RESOLVED: ("Resolve…", ids.RESOLVE_STATEMENT, "primary"),
        StatementEvent.EDITED: ("Edit…", ids.EDIT_STATEMENT, None),
        StatementEvent.REASSIGNED: ("Reassign…", ids.REASSIGN_STATEMENT, None),
        StatementEvent.REOPENED: ("Reopen…", ids.REOPEN_STATEMENT, None),
        StatementEvent.REJECTED: ("Reject…", ids.REJECT_STATEMENT, "danger"),
    }
)


def statement_modal(case: CaseFacts, statement: StatementFacts) -> Block:
    """The statement, each piece of evidence it rests on, and its history; to be judged by whoever read it."""
    title = KIND_WORDS[statement.kind]
    if statement.state is StatementState.REJECTED:
        words = "It was rejected, which is final: its text is not shown or used again."
        return modal(title, [rich(line(say(words))), *_history(statement)], str(_ref(case, statement)))
    blocks = [rich(quote(_whole(statement))), rich(*_about(statement)), *_ways(case, statement)]
    blocks += [*_evidence(statement), *_history(statement)]
    return modal(title, blocks, str(_ref(case, statement)))


def statement_form_modal(case: CaseFacts, statement: StatementFacts | None = None) -> Block:
    """Edit a statement, or add one where none is given."""
    kind = statement.kind if statement else StatementKind.FACT
    claim = statement.claim if statement else Claim.EVENT
    chosen = [one.evidence_id for one in statement.evidence] if statement else []
    kinds = [(one.value, words) for one, words in KIND_WORDS.items()]
    claims = [(one.value, words.capitalize()) for one, words in CLAIM_WORDS.items()]
    blocks = [
        text_input("text", "Statement", initial=statement.text if statement else "", most=STATEMENT_LENGTH),
        radio("kind", "What is it?", kinds, initial=kind.value),
        _evidence_choice(case, chosen),
        select("claim", "If it is a fact: it says", claims, initial=claim.value),
    ]
    if statement is None:
        blocks += [
            person_input("owner", "If it is a next step: who does it?", is_required=False),
            moment_input("due", "By when?"),
        ]
    note = "It waits for the lead to accept it." if statement is None else "An edit waits for the lead to accept it."
    blocks.append(context(plain(note)))
    ref = _ref(case, statement) if statement else Ref(case.case_id)
    return modal(
        "Edit a statement" if statement else "Add a statement", blocks, str(ref), "Save",
        callback_id=ids.STATEMENT_VIEW, close="Cancel",
    )  # fmt: skip


def _evidence_choice(case: CaseFacts, chosen: Sequence[str]) -> Block:
    if len(chosen) > EVIDENCE_CHOSEN:  # A form that shows a part of them would drop the rest when it is saved.
        words = f"It rests on {len(chosen)} pieces of evidence, more than can be chosen here: they stay as they are."
        return context(plain(words))
    hint = "A fact is confirmed by evidence only."
    made = evidence_input("evidence", "What does it rest on?", case.evidence, chosen, hint=hint)
    return made or context(plain("The case has no evidence yet, so it can rest on none."))


def reject_statement_modal(case: CaseFacts, statement: StatementFacts) -> Block:
    """Why it is rejected; that is final."""
    blocks = [
        rich(quote(_whole(statement))),
        reason_input("Why do you reject it?", "Kept with the decision, and in the handoff as dissent."),
        context(plain("Rejecting is final: neither it nor the same content is used again in this case.")),
    ]
    return _form("Reject", case, statement, blocks, ids.REJECT_VIEW)


def resolve_statement_modal(case: CaseFacts, statement: StatementFacts) -> Block:
    """Both sides of a conflict, or what a question rests on, and how a person settles it."""
    is_conflict = statement.kind is StatementKind.CONFLICT
    label = "Which side holds, and why?" if is_conflict else "What is the answer, and how is it known?"
    sides = [_side(one, number) for number, one in enumerate(statement.evidence[:_EVIDENCE_SHOWN], start=1)]
    hidden = len(statement.evidence) - len(sides)
    sides += [context(plain(f"{hidden} more, in the list of all evidence"))] if hidden > 0 else []
    note = "A record of a system outranks documentation, and both outrank a note; that alone settles nothing."
    blocks = [
        rich(quote(_whole(statement))),
        *(sides or [context(plain("It cites no evidence."))]),
        *([context(plain(note))] if is_conflict else []),
        reason_input(label, "Kept with the statement, and said wherever it is cited."),
    ]
    return _form("Resolve", case, statement, blocks, ids.RESOLVE_VIEW)


def reassign_statement_modal(case: CaseFacts, statement: StatementFacts) -> Block:
    """Who owns it, and by when."""
    owner = statement.owner
    label = owner.label if owner and not owner.user_id else ""
    blocks = [
        rich(quote(_whole(statement))),
        person_input("owner", "Who owns it?", owner, is_required=False),
        text_input(
            "owner_label", "Or a team, in words", initial=label, most=100, is_long=False, is_required=False,
            hint="Said to the customer where an update names who does it: a team, not a person.",
        ),
        moment_input("due", "By when?", statement.due_at),
    ]  # fmt: skip
    return _form("Reassign", case, statement, blocks, ids.REASSIGN_VIEW)


def reopen_statement_modal(case: CaseFacts, statement: StatementFacts) -> Block:
    """Why it waits for a person again."""
    blocks = [rich(quote(_whole(statement))), reason_input("What has come up?")]
    return _form("Reopen", case, statement, blocks, ids.REOPEN_VIEW)


def statements_modal(case: CaseFacts, at: int = 0) -> Block:
    """All statements that were not rejected, group by group, a page at a time."""
    return modal("Statements", statement_list(case, at), str(Ref(case.case_id, at=at)))


def statement_list(case: CaseFacts, at: int = 0, size: int = PAGE_SIZE) -> list[Block]:
    """A page of them, for a modal or App Home."""
    held = [(name, one) for name, group in groups(case.statements).items() for one in group.statements]
    at = at if 0 <= at < len(held) else 0
    page, blocks, before = held[at : at + size], [], ""
    found = groups(case.statements)
    for name, one in page:
        if name != before:
            blocks.append(heading(f"{found[name].title} ({len(found[name].statements)})"))
            before = name
        blocks.append(statement_block(case.case_id, one))
    rejected = rejected_count(case.statements)
    if rejected:
        blocks.append(context(plain(f"{count(rejected, 'statement')} rejected: not shown, not used again")))
    if not blocks:
        blocks.append(rich(line(say("Nothing is held yet."))))
    return [*blocks, *pager(Ref(case.case_id), ids.PAGE_STATEMENTS, at, size, len(held))]


def pager(ref: Ref, action_id: str, at: int, page_size: int, total: int) -> list[Block]:
    """The buttons that turn the page, where there is another, of pages of one size."""
    return page_turns(ref, action_id, max(0, at - page_size), at, min(at + page_size, total), total)


def page_turns(ref: Ref, action_id: str, before: int, at: int, end: int, total: int) -> list[Block]:
    """The same of a page that ends before `end`; both have the same prefix and their place as value."""
    turns = []
    if at > 0:
        turns.append(button("Previous", action_id, str(_at(ref, before))))
    if end < total:
        turns.append(button("Next", ids.NEXT_OF[action_id], str(_at(ref, end))))
    if not turns:
        return []
    return [context(plain(f"{at + 1} to {end} of {total}")), actions(*turns)]


def evidence_lines(one: EvidenceFacts, length: int = _EXCERPT_LENGTH) -> list[Block]:
    """An item of evidence under a statement: from where, what it is worth, and its own words."""
    lead = labelled(evidence_label(one), say(AUTHORITY_WORDS[one.authority]))
    if one.observed_at:
        lead["elements"] += [say(", "), when(one.observed_at)]
    return [lead, quote(visible(one.excerpt, length, max_lines=12, where="the source"))]


def _at(ref: Ref, at: int) -> Ref:
    return Ref(ref.case_id, ref.item, ref.revision, at, ref.seen)


def _ref(case: CaseFacts, statement: StatementFacts) -> Ref:
    return Ref(case.case_id, statement.statement_id, statement.revision)


def _form(title: str, case: CaseFacts, statement: StatementFacts, blocks: Sequence[Block], view: str) -> Block:
    if statement.state is StatementState.REJECTED:
        return statement_modal(case, statement)
    return modal(title, blocks, str(_ref(case, statement)), title, callback_id=view, close="Cancel")


def _whole(statement: StatementFacts) -> str:
    """The whole of it; of one that is longer than any statement should be, as much as can be read."""
    return visible(statement.text, _WHOLE_LENGTH, where="the trace")


def _is_whole(statement: StatementFacts) -> bool:
    """Whether all of it is shown: what is not read whole is not accepted."""
    # Escapes lengthen a text by at most ten characters for each of its own.
    return (
        len(statement.text) <= _WHOLE_LENGTH
        and len(visible(statement.text, 12 * len(statement.text) + 200)) <= _WHOLE_LENGTH
    )


def _about(statement: StatementFacts) -> list[Block]:
    lines = [
        labelled("State", say(state_words(statement)), say(f"  ·  revision {statement.revision}")),
        labelled("Written by", say(author_words(statement.author))),
    ]
    if statement.kind is StatementKind.FACT:
        lines.append(labelled("It says", say(CLAIM_WORDS[statement.claim])))
    if statement.why_not:
        lines.append(labelled("Why it is not confirmed", say(one_line(statement.why_not, 400))))
    if statement.owner:
        lines.append(labelled("Owner", someone(statement.owner)))
    if statement.due_at:
        lines.append(labelled("Due", when(statement.due_at)))
    if statement.resolution:
        lines.append(labelled("Decided", say(one_line(statement.resolution, 1000))))
    return lines


def _ways(case: CaseFacts, statement: StatementFacts) -> list[Block]:
    if not case.is_open:
        return []
    value = str(_ref(case, statement))
    allowed = set(MOVES[statement.state]) - (set() if _is_whole(statement) else {StatementEvent.ACCEPTED})
    made = [
        button(label, action_id, value, style=style)
        for event, (label, action_id, style) in _WAYS.items()
        if event in allowed and statement.kind in KINDS_FOR[event]
    ]
    return [actions(*made), context(plain("The lead accepts, rejects and resolves; everybody on it edits."))]


def _evidence(statement: StatementFacts) -> list[Block]:
    if not statement.evidence:
        return [rich(line(say("It cites no evidence.", italic=True)))]
    blocks = [rich(*evidence_lines(one)) for one in statement.evidence[:_EVIDENCE_SHOWN]]
    hidden = len(statement.evidence) - _EVIDENCE_SHOWN
    more = [context(plain(f"{hidden} more, in the list of all evidence"))] if hidden > 0 else []
    return [rich(line(say("What it rests on", bold=True))), *blocks, *more]


def _side(one: EvidenceFacts, number: int) -> Block:
    return rich(line(say(f"Side {number}", bold=True)), *evidence_lines(one))


def _history(statement: StatementFacts) -> list[Block]:
    if not statement.history:
        return []
    shown = statement.history[-_HISTORY_SHOWN:]
    hidden = len(statement.history) - len(shown)
    lines = [line(say(f"{count(hidden, 'earlier step')}, in the trace"))] if hidden > 0 else []
    return [rich(line(say("History", bold=True)), bullets([*lines, *map(_step, shown)]))]


def _step(step: StepFacts) -> Block:
    runs = [say(f"{EVENT_WORDS[step.event]} (revision {step.revision}) by {author_words(step.by)}, "), when(step.at)]
    return line(*runs, *([say(f": “{one_line(step.reason, 300)}”")] if step.reason else []))
