"""Looking for evidence, and everything that was found: items, empty answers and gaps alike."""

from __future__ import annotations

from handlers.views import case_ids as ids
from handlers.views.blocks import Block, button, context, line, plain, quote, rich, say, section, when
from handlers.views.case_facts import CaseFacts, EvidenceFacts, RevealableFacts
from handlers.views.case_ids import Ref
from handlers.views.case_inputs import checks, day_input, radio, reason_input, select, text_input
from handlers.views.case_statement_modals import pager
from handlers.views.case_wording import (
    AUTHORITY_WORDS,
    DRAFT_WORDS,
    EVIDENCE_MARKS,
    EVIDENCE_WORDS,
    SOURCE_WORDS,
    evidence_label,
    someone,
)
from handlers.views.plain import one_line, visible
from handlers.views.surfaces import modal
from policy.case_terms import DraftKind, Source

PAGE_SIZE = 20
VALUES_SIZE = 250
"""Values on a page of those that can be revealed: each may take 700 characters of a modal's 250,000."""
INSTRUCTION_LENGTH = 2000
LOW_CONFIDENCE = 0.5
"""Below it, what was found may well be about something else."""
REWRITE_NOTHING = "none"
_TONES = (
    (REWRITE_NOTHING, "No, do what I write"),
    ("calmer", "Yes: calmer and more careful"),
    ("plainer", "Yes: plainer and shorter"),
    ("warmer", "Yes: warmer, with the same certainty"),
)
TONES = frozenset(value for value, _ in _TONES)
_OPTIONS = 100


def gather_modal(case: CaseFacts) -> Block:
    """What to look for; every source that is ticked is asked for it, read-only."""
    sources = [(one.value, words[0].upper() + words[1:]) for one, words in SOURCE_WORDS.items()]
    blocks = [
        text_input(
            "accounts", "Accounts", is_required=False, most=1000,
            hint="E-mail addresses or account keys, one a line.",
        ),
        text_input("attachments", "Attachments", is_required=False, most=1000, hint="Ids or file names, one a line."),
        day_input("since", "From", hint="The whole day, in UTC. Empty: from the beginning."),
        day_input("until", "To", hint="The whole day, in UTC. Empty: until now."),
        text_input("words", "Words", is_required=False, most=500, is_long=False, hint="For the knowledge base."),
        checks(
            "sources", "Which sources?", sources, initial=[one.value for one in Source], is_required=True,
            hint="What a source cannot answer becomes a gap in the case: nothing follows from what is not found there.",
        ),
    ]  # fmt: skip
    return modal(
        "Look for evidence", blocks, str(Ref(case.case_id)), "Look", callback_id=ids.EVIDENCE_VIEW, close="Cancel"
    )  # fmt: skip


def evidence_modal(case: CaseFacts, at: int = 0) -> Block:
    """Everything that was retrieved, the newest first, a page at a time."""
    everything = sorted(case.evidence, key=lambda one: -one.number)
    at = at if 0 <= at < len(everything) else 0
    blocks = [_item(one) for one in everything[at : at + PAGE_SIZE]]
    if not blocks:
        blocks = [rich(line(say("Nothing was looked for yet.")))]
    turns = pager(Ref(case.case_id), ids.PAGE_EVIDENCE, at, PAGE_SIZE, len(everything))
    reveal = section(
        plain("The copilot reads these without names, addresses, keys and the like."),
        button("Reveal a value…", ids.REVEAL_VALUE, str(Ref(case.case_id))),
    )
    return modal("Evidence", [*blocks, *turns, *([reveal] if case.is_open else [])], str(Ref(case.case_id, at=at)))


def reveal_modal(case: CaseFacts, values: tuple[RevealableFacts, ...], at: int = 0) -> Block:
    """Which value the copilot may read as it is, and why; a page of the values at a time."""
    at = at if 0 <= at < len(values) else 0
    offered = values[at : at + VALUES_SIZE]
    if not offered:
        return modal("Reveal a value", [rich(line(say("Nothing in this case is kept from the copilot.")))])
    options = [(one.value_sha256, f"{one_line(one.kind, 20)}: {one.shown}") for one in offered]
    blocks = [
        select("value", "Which value?", options),
        *pager(Ref(case.case_id), ids.PAGE_VALUES, at, VALUES_SIZE, len(values)),
        reason_input("Why does the copilot need it?", "Kept in the case's record. Only the lead may do this."),
        context(plain("From then on, every request to the model in this case holds this value as it is.")),
    ]
    return modal(
        "Reveal a value", blocks, str(Ref(case.case_id)), "Reveal", callback_id=ids.REVEAL_VIEW, close="Cancel"
    )


def ask_copilot_modal(case: CaseFacts) -> Block:
    """One turn of the copilot: what it is asked; with a draft chosen, in which tone it writes that anew."""
    drafts = [(one.draft_id, f"{DRAFT_WORDS[one.kind]}, revision {one.revision}") for one in case.drafts][:_OPTIONS]
    note = (
        f"Asked of {one_line(case.model, 60)}. It reads this case with pseudonyms, asks sources, and proposes."
        if case.model
        else "No model is in use: the rules look at the evidence again and propose what follows from it."
    )
    blocks: list[Block] = [
        text_input("instruction", "What should it do?", most=INSTRUCTION_LENGTH),
        radio("tone", "Rewrite the tone of a draft?", _TONES, initial=REWRITE_NOTHING),
    ]
    if drafts:
        chosen = select("draft", "Which draft?", drafts, hint="For a rewrite only.")
        blocks.append(chosen | {"optional": True})
    blocks.append(context(plain(note)))
    return modal(
        "Ask the copilot", blocks, str(Ref(case.case_id)), "Ask", callback_id=ids.ASK_COPILOT_VIEW, close="Cancel"
    )


def write_draft_modal(case: CaseFacts) -> Block:
    """What kind of draft is written from what the case holds."""
    kinds = [(one.value, words) for one, words in DRAFT_WORDS.items()]
    initial = DraftKind.SECURITY_HANDOFF if case.latch.is_set else DraftKind.CUSTOMER_UPDATE
    blocks = [
        radio("kind", "What should be written?", kinds, initial=initial.value),
        context(plain("Made of what the case holds now; each sentence cites its statement. Nothing is sent by it.")),
    ]
    return modal(
        "Write a draft", blocks, str(Ref(case.case_id)), "Write", callback_id=ids.WRITE_DRAFT_VIEW, close="Cancel"
    )


def _item(one: EvidenceFacts) -> Block:
    lead = f"{EVIDENCE_MARKS[one.kind]} {evidence_label(one)}"
    about = [say(lead, bold=True), say(f"  ·  {AUTHORITY_WORDS[one.authority]}")]
    about += [say("  ·  "), when(one.observed_at)] if one.observed_at else []
    parts = [line(*about), line(say(EVIDENCE_WORDS[one.kind], italic=True), *_doubt(one))]
    if one.excerpt.strip():
        parts.append(quote(visible(one.excerpt, 700, max_lines=12, where="the source")))
    where = one_line(one.place, 200, where="the trace") if one.place else "no place in it"
    asked = [someone(one.asked_by)] if one.asked_by else [say("the bot itself")]
    parts.append(
        line(say("Stands in "), say(where, code=True), say("  ·  asked by "), *asked, say(", "), when(one.retrieved_at))
    )
    parts.append(line(say("Asked for "), say(one_line(one.query, 200, where="the trace"), code=True), *_hash(one)))
    return rich(*parts)


def _doubt(one: EvidenceFacts) -> list[Block]:
    if one.confidence >= LOW_CONFIDENCE:
        return []
    return [say(f"  ·  ⚠️ {round(one.confidence * 100)}% sure that it answers what was asked", bold=True)]


def _hash(one: EvidenceFacts) -> list[Block]:
    return [say("  ·  SHA-256 "), say(one_line(one.sha256[:16], 20), code=True)] if one.sha256 else []
