"""The approval card: how a vote stands, drawn anew for each update around what it is about.

What it is about is the substance (`handlers.views.approval_substance`), which never changes; a card without it has no
Approve button.
"""

from __future__ import annotations

from collections.abc import Sequence

from handlers.views import stops
from handlers.views.approval_substance import HASH_SHOWN, REASON_LENGTH, from_groups, own_words
from handlers.views.blocks import (
    HEADER_LENGTH,
    Block,
    actions,
    bullets,
    button,
    confirmation,
    context,
    divider,
    header,
    labelled,
    line,
    person,
    plain,
    rich,
    say,
    when,
)
from handlers.views.facts import ReadersFacts, RequestCardFacts, VoteFacts
from handlers.views.plain import escape_markup, mono, one_line, visible
from handlers.views.rendered import Rendered
from handlers.views.wording import (
    count,
    request_status_words,
    requester_lines,
)
from policy.case_release import RELEASES
from policy.terms import Choice, RequestStatus, Risk

ALIKE_COUNTED = 5
"""Up to how many requests of one action their cards say how many wait: each change redraws all of them."""
_VOTES_SHOWN = 5
_OUTCOME_LENGTH = 300
_COMPANIES_NAMED = 12
_CONTRADICTED_TITLE = "A request that is not as its record says"
_CONTRADICTED = "What is stored of this request is not what its record says, so it is not shown and cannot be approved."
_CONTRADICTED_NEXT = "Tell whoever runs this desk: countersign audit verify names what was changed."
_HELD_NEXT = "As it is, nobody can approve it. It can be rejected or withdrawn."


def approval_card(
    request: RequestCardFacts, substance: Sequence[Block] | None, readers: ReadersFacts | None = None
) -> Rendered:
    """The card as it stands now. `substance` is what `approval_substance` gave when the request was made.

    `readers`: for a reply into a channel shared with other companies, who they were when the card was first posted.
    """
    shown = list(substance) if substance else _too_large(request)
    blocks = [
        _state(request),
        *shown,
        *_readers(readers),
        *_votes(request.votes),
        _fingerprint(request, bool(substance)),
        _buttons(request, bool(substance)),
    ]
    return Rendered(_fallback(request, bool(substance)), tuple(blocks))


def contradicted_card(request: RequestCardFacts) -> Rendered:
    """Instead of the card, where what is stored is not what the trail tells: nothing of it is shown, or approved."""
    blocks = [
        header(_CONTRADICTED_TITLE),
        rich(line(say(_CONTRADICTED, bold=True)), line(say(_CONTRADICTED_NEXT))),
        context(plain("Not shown: no approval counts here")),
        actions(button("Open ticket", "ticket.open", request.ticket_id)),
    ]
    text = f"{_CONTRADICTED_TITLE}, for ticket #{request.ticket_number}. {_CONTRADICTED}"
    return Rendered(escape_markup(text), tuple(blocks))


def _state(request: RequestCardFacts) -> Block:
    lines = [line(say(request_status_words(request.status), bold=True), *_state_detail(request))]
    if request.stop is not None:
        lines += stops.on_card(request.stop)
    if request.held_back:
        lines.append(labelled("✋ Kept back by the ticket's case", say(own_words(request.held_back))))
        lines.append(line(say(_HELD_NEXT)))
    if request.outcome:
        lines.append(labelled("Outcome", say(one_line(request.outcome, _OUTCOME_LENGTH))))
    return rich(*lines)


def _state_detail(request: RequestCardFacts) -> list[Block]:
    if request.status is not RequestStatus.PENDING:
        return []
    approvals = len({vote.voter_user_id for vote in request.votes if vote.choice is Choice.APPROVE})
    so_far = f"{approvals} of {max(request.quorum, 1)} so far{from_groups(request)}"
    return [say(f"  ·  {so_far}, until "), when(request.expires_at)]


def _readers(readers: ReadersFacts | None) -> list[Block]:
    if readers is None:
        return []
    named = ", ".join(one_line(company, 80) for company in readers.companies[:_COMPANIES_NAMED])
    hidden = len(readers.companies) - _COMPANIES_NAMED
    companies = (named or "no other company") + (f" and {hidden} more" if hidden > 0 else "")
    channel = one_line(readers.channel_name, 100)
    words = f"When this card was posted, #{channel} was shared with {companies}. If that changes, the reply is held."
    return [context(plain(words))]


def _votes(votes: Sequence[VoteFacts]) -> list[Block]:
    if not votes:
        return []
    lines = [_vote(vote) for vote in votes[-_VOTES_SHOWN:]]
    hidden = len(votes) - _VOTES_SHOWN
    if hidden > 0:
        lines.append(line(say(f"{count(hidden, 'earlier vote')} in the audit trail")))
    return [divider(), rich(line(say("Votes", bold=True)), bullets(lines))]


def _vote(vote: VoteFacts) -> Block:
    verb = " approved, " if vote.choice is Choice.APPROVE else " rejected, "
    runs = [person(vote.voter_user_id, one_line(vote.voter_label, 80)), say(verb), when(vote.at)]
    if vote.reason:
        runs.append(say(f": “{one_line(vote.reason, REASON_LENGTH, where='see the audit trail')}”"))
    return line(*runs)


def _fingerprint(request: RequestCardFacts, is_complete: bool) -> Block:
    if not is_complete:
        return context(plain("Not shown whole: no approval counts here"))
    if not request.digest:
        return context(plain("No fingerprint yet: nothing on this card can be approved"))
    words = f"Fingerprint {request.digest[:HASH_SHOWN]}: what is shown above is what runs, or nothing does"
    # Once settled, the state stands here too: whoever reads a long card from its end sees where it ended.
    settled = [] if request.status is RequestStatus.PENDING else [plain(request_status_words(request.status))]
    return context(*settled, plain(words))


def _buttons(request: RequestCardFacts, is_complete: bool) -> Block:
    look = button("Open ticket", "ticket.open", request.ticket_id)
    if request.can_undo:
        return actions(button("Undo…", "request.undo", request.request_id), look)
    if request.status is not RequestStatus.PENDING or not request.digest:
        later = [] if request.replaced_by is None else [_see_later(request, request.replaced_by)]
        return actions(*later, look)
    rest = [look, *review_button(request.waiting_alike, request.request_id)]
    # An emergency stays what was started: nobody gives another person's reason for other values. And other words than
    # a draft's would be no revision of it.
    is_fixed = request.break_glass is not None or request.action_id in RELEASES
    edit = [] if is_fixed else [button("Edit…", "request.edit", request.request_id)]
    reject = button("Reject", "request.reject", request.request_id, style="danger")
    withdraw = [] if request.proposer_user_id is None else [_withdraw(request)]
    if not is_complete:
        return actions(reject, *edit, *withdraw, *rest)
    confirm = _question(request) if request.risk in (Risk.HIGH, Risk.CRITICAL) else None
    approve = button("Approve", "request.approve", request.request_id, style="primary", confirm=confirm)
    return actions(approve, reject, *edit, *withdraw, *rest)


def _see_later(request: RequestCardFacts, later_id: str) -> Block:
    return button(f"See revision {request.revision + 1}", "request.see", later_id)


def review_button(waiting_alike: int, request_id: str) -> list[Block]:
    """To decide several requests of one action in one go; none where only one waits."""
    if waiting_alike < 2:
        return []
    many = f"{waiting_alike}" if waiting_alike <= ALIKE_COUNTED else f"more than {ALIKE_COUNTED}"
    return [button(f"Review {many} like this…", "requests.review", request_id)]


def card_to_read(card: Rendered) -> list[Block]:
    """A card without its buttons: for a modal, whose own elements these are not."""
    return list(card.blocks[:-1])


def _withdraw(request: RequestCardFacts) -> Block:
    text = "Only the person who proposed it can. It ends here and nothing runs; it can be proposed again."
    confirm = confirmation("Withdraw this request?", text, "Withdraw", is_dangerous=False)
    return button("Withdraw", "request.withdraw", request.request_id, confirm=confirm)


def _question(request: RequestCardFacts) -> Block:
    action = one_line(request.action_title, HEADER_LENGTH)
    once = "It runs at once." if request.quorum <= 1 else "It runs as soon as enough people have approved."
    text = f"{action}, with exactly the values on this card. {once}"
    return confirmation(f"Approve this {request.risk.value}-risk action?", text, "Approve", is_dangerous=True)


def _too_large(request: RequestCardFacts) -> list[Block]:
    return [
        header(one_line(request.action_title, HEADER_LENGTH)),
        rich(
            line(say("This request is too large to be shown whole, so it cannot be approved here.", bold=True)),
            line(say("Open the ticket to read all of its values; propose it again with shorter ones, or reject it.")),
            *requester_lines(request.requester, label="Asked by"),
        ),
    ]


def _fallback(request: RequestCardFacts, is_complete: bool) -> str:
    state = request_status_words(request.status)
    lead = "" if request.break_glass is None else "BREAK-GLASS: "
    about = f"{lead}{one_line(request.action_title, HEADER_LENGTH)} for ticket #{request.ticket_number}"
    values = ", ".join(f"{param.name} {visible(mono(param.value), 120)}" for param in request.params[:4])
    note = "" if is_complete else " Too large to be shown whole: it cannot be approved here."
    return escape_markup(f"{state}: {about}. {values}.{note}"[:1500])
