"""Break-glass requests as our own people see them: on their card, announced, and until somebody has reviewed them."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.views.blocks import (
    Block,
    actions,
    button,
    labelled,
    line,
    person,
    plain,
    rich,
    say,
    section,
    utc,
    when,
)
from handlers.views.facts import RequestCardFacts, ReviewFacts
from handlers.views.notices import Notice
from handlers.views.parameters import parameter_blocks
from handlers.views.plain import escape_markup, one_line, visible
from handlers.views.propose_modals import FormField, input_block
from handlers.views.rendered import Rendered
from handlers.views.surfaces import modal
from handlers.views.wording import LABEL_LENGTH, request_status_words, risk_words

REVIEW_BUTTON = "review.open"
REVIEW_FORM = "record_review"

_LEFT_OUT = (
    "who approves by the usual rules, how many of them and of which groups, and the limits on how many such requests"
    " there may be. Nothing else is left out."
)
_REASON_LENGTH = 1500
_WORDS_SHOWN = 600
_TITLE_LENGTH = 150


def on_card(request: RequestCardFacts) -> list[Block]:
    """For the card's substance: what everybody who decides must know first."""
    if request.break_glass is None:
        return []
    return [
        rich(
            line(say("🚨 BREAK-GLASS: an emergency request", bold=True)),
            labelled("Started by", _starter(request)),
            # In full, because it is hashed with the rest.
            labelled("Reason", say(visible(request.break_glass, 12 * len(request.break_glass) + 200))),
            labelled("Leaves out", say(_LEFT_OUT)),
            labelled("Afterwards", say("once it ran, somebody who neither started nor approved it must review it.")),
        )
    ]


def started(request: RequestCardFacts) -> Rendered:
    """To more people than read of other requests: somebody broke the glass."""
    lead = "🚨 BREAK-GLASS started: "
    lines = [
        line(say(lead, bold=True), say(_what(request))),
        labelled("Started by", _starter(request)),
        labelled("Reason", say(one_line(request.break_glass or "", _REASON_LENGTH))),
        labelled("Decided by", say(one_line(request.verdict_reason, 600))),
        labelled("Expires", when(request.expires_at)),
        line(say("Its card stands in the approvals channel.", italic=True)),
    ]
    return Rendered(_plain(f"{lead}{_what(request)}, by {one_line(request.proposer_label, 80)}"), (rich(*lines),))


def ran(request: RequestCardFacts, review: ReviewFacts) -> Rendered:
    """It ran; a review is due, or stands here."""
    return _about_review(request, review, "🚨 BREAK-GLASS ran: ")


def overdue(request: RequestCardFacts, review: ReviewFacts) -> Rendered:
    """The review is missing though its time is over."""
    return _about_review(
        request, review, "⏰ BREAK-GLASS review overdue: " if review.is_overdue else "🚨 BREAK-GLASS ran: "
    )


def banner(reviews: Sequence[ReviewFacts]) -> list[Block]:
    """Above the list of tickets: the reviews that are missing."""
    return [section(plain(_missing(one)), button("Record review…", REVIEW_BUTTON, one.request_id)) for one in reviews]


def review_modal(request: RequestCardFacts) -> Block:
    """Asks for the review in words; `private_metadata` is the request's id."""
    words = FormField(
        "review", "What did you find?", "long_text", max_length=3000,
        hint="Was it right, and what follows from it? Kept in the audit trail and shown to our own people.",
    )  # fmt: skip
    blocks = [
        rich(
            line(say("🚨 BREAK-GLASS  ", bold=True), say(one_line(request.action_title, _TITLE_LENGTH))),
            line(say(risk_words(request.risk))),
            labelled("Ticket", say(f"#{request.ticket_number}  {one_line(request.ticket_subject, LABEL_LENGTH)}")),
            labelled("Started by", _starter(request)),
            labelled("Reason", say(one_line(request.break_glass or "", _REASON_LENGTH))),
            labelled("What came of it", say(_outcome(request))),
        ),
        *parameter_blocks(request.params)[:20],
        input_block(words),
    ]
    return modal("Record the review", blocks, request.request_id, "Record", callback_id=REVIEW_FORM, close="Cancel")


def recorded() -> Notice:
    """To whoever recorded a review."""
    text = "The review is on record. Nothing else has to be done for this request."
    return Notice(text, (rich(line(say("✅ Thank you  ", bold=True), say(text))),), "Review recorded")


def _about_review(request: RequestCardFacts, review: ReviewFacts, lead: str) -> Rendered:
    lines = [
        line(say(lead, bold=True), say(_what(request))),
        labelled("Started by", _starter(request)),
        labelled("Reason", say(one_line(request.break_glass or "", _REASON_LENGTH))),
        labelled("What came of it", say(_outcome(request))),
    ]
    if review.at is None:
        due = "Review overdue since" if review.is_overdue else "Review due by"
        lines.append(labelled(due, when(review.due_at), say("; by somebody who had no part in it")))
    else:
        by = person(review.by_user_id, one_line(review.by_label, 80))
        lines.append(labelled("Reviewed by", by, say(", "), when(review.at)))
        lines.append(labelled("They found", say(one_line(review.words, _WORDS_SHOWN, where="see the audit trail"))))
    rest = [] if review.at is not None else [actions(button("Record review…", REVIEW_BUTTON, request.request_id))]
    return Rendered(_plain(f"{lead}{_what(request)}"), (rich(*lines), *rest))


def _missing(review: ReviewFacts) -> str:
    state = "overdue since" if review.is_overdue else "due by"
    title = one_line(review.action_title, _TITLE_LENGTH)
    return f"🚨 BREAK-GLASS, {title}, ticket #{review.ticket_number}: review {state} {utc(review.due_at)}"


def _starter(request: RequestCardFacts) -> Block:
    return person(request.proposer_user_id, one_line(request.proposer_label, 160))


def _what(request: RequestCardFacts) -> str:
    return f"{one_line(request.action_title, _TITLE_LENGTH)}, ticket #{request.ticket_number}"


def _outcome(request: RequestCardFacts) -> str:
    state = request_status_words(request.status)
    return f"{state}. {one_line(request.outcome, 300)}" if request.outcome else state


def _plain(text: str) -> str:
    return escape_markup(text[:1500])
