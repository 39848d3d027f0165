"""What triage suggests, as the triage card and the ticket's page both show it: what it is, and where it stands."""

from __future__ import annotations

from handlers.views.blocks import Block, button, context, labelled, line, plain, rich, say, section, strong
from handlers.views.facts import RequestCardFacts, SuggestionFacts, TicketFacts
from handlers.views.parameters import parameter_lines
from handlers.views.plain import one_line
from handlers.views.wording import REQUEST_STATUS_MARKS, count, request_status_words, risk_words
from policy.terms import RequestStatus, Verdict

CONFIRM_LABEL = "Confirm and propose"
_SHOWN_PARAMS = 5
_VALUE_LENGTH = 200
_WHY_LENGTH = 200


def suggestion_blocks(suggestion: SuggestionFacts, ticket: TicketFacts) -> list[Block]:
    """Title and state, the values it would use, and the button where a person has to look at it first."""
    confirm = button(CONFIRM_LABEL, "suggestion.confirm", suggestion.suggestion_id) if suggestion.is_open else None
    shown = suggestion.params[:_SHOWN_PARAMS]
    lines = [labelled("Why", say(one_line(suggestion.why, _WHY_LENGTH)))] if suggestion.why else []
    lines += parameter_lines(shown, limit=_VALUE_LENGTH)
    if len(suggestion.params) > len(shown):
        hidden = count(len(suggestion.params) - len(shown), "further value")
        lines.append(line(say(f"{hidden}, shown when you confirm", italic=True)))
    state = context(plain(f"{_state_words(suggestion, ticket)}  ·  {risk_words(suggestion.risk)}"))
    return [section(strong(suggestion.title), confirm), state, *([rich(*lines)] if lines else [])]


def _state_words(suggestion: SuggestionFacts, ticket: TicketFacts) -> str:
    if suggestion.request_id is None:
        return "💡 Suggested only: nothing happens until someone confirms its values"
    request = _request_of(suggestion, ticket)
    if request and request.verdict is Verdict.ALLOW and request.status is RequestStatus.EXECUTED:
        mark = REQUEST_STATUS_MARKS[RequestStatus.EXECUTED]
        return f"{mark} Ran by policy: {one_line(request.verdict_reason, _WHY_LENGTH)}"
    status = request.status if request else suggestion.request_status
    return request_status_words(status) if status else "Proposed"


def _request_of(suggestion: SuggestionFacts, ticket: TicketFacts) -> RequestCardFacts | None:
    return next((each for each in ticket.requests if each.request_id == suggestion.request_id), None)
