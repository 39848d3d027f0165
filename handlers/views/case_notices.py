"""Short messages about a case: to security when the latch was set, in its thread, and in private answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handlers.views import case_ids as ids
from handlers.views.blocks import actions, bullets, button, context, labelled, line, plain, rich, say
from handlers.views.case_facts import CaseFacts
from handlers.views.case_ids import Ref
from handlers.views.facts import Untrusted
from handlers.views.notices import Notice
from handlers.views.plain import escape_markup, one_line
from handlers.views.rendered import Rendered
from handlers.views.wording import count

_SENTENCE_LENGTH = 600
_REASONS_SHOWN = 10
_LABEL_LENGTH = 300


@dataclass(frozen=True)
class DoubtsFacts:
    """What a look at the sources left in doubt."""

    ticket_number: int
    found: int
    doubts: tuple[Untrusted, ...]


def latch_set(case: CaseFacts) -> Rendered:
    """To security: a rule fired, what it saw, and what is held back from now on."""
    lead = f"🔒 Security latch set on the case of ticket #{case.ticket_number}"
    then = (
        "Routine closing and statements about exposure are held back, customer updates need one of security beside "
        "support, and a handoff is due. One of you who is not an account it is about releases it, with a reason."
    )
    reasons = [line(say(one_line(one.sentence, _SENTENCE_LENGTH))) for one in case.latch.reasons[:_REASONS_SHOWN]]
    hidden = len(case.latch.reasons) - len(reasons)
    if hidden > 0:
        reasons.append(line(say(f"{count(hidden, 'more reason')}, shown whole where it is released", italic=True)))
    blocks = (
        rich(
            line(say(lead, bold=True)),
            labelled("Case", say(one_line(case.title, _LABEL_LENGTH))),
            bullets(reasons) if reasons else line(say("It has been released since.")),
            line(say(then, italic=True)),
        ),
        actions(button("See the case", ids.SEE_CASE, str(Ref(case.case_id)), style="primary")),
    )
    return Rendered(escape_markup(f"{lead}. {then}"), blocks)


def doubts(facts: DoubtsFacts) -> Rendered:
    """In the case's thread: what was not found or not read, before anybody goes on."""
    lead = f"The look at the sources brought {count(facts.found, 'item')}, and this is in doubt:"
    ask = "Nothing follows from what is missing. Shall I look elsewhere, or do you go on without it?"
    shown = [line(say(one_line(one, _LABEL_LENGTH))) for one in facts.doubts]
    blocks = (rich(line(say(lead, bold=True)), bullets(shown), line(say(ask, italic=True))),)
    words = "; ".join(one_line(one, 120) for one in facts.doubts[:5])
    return Rendered(escape_markup(f"{lead} {words}. {ask}"), blocks)


def stalled(case: CaseFacts, why: str) -> Rendered:
    """To the desk: a case goes in circles."""
    lead = f"The case of ticket #{case.ticket_number} is stalled"
    blocks = (
        rich(line(say(lead, bold=True)), line(say(why))),
        actions(button("See the case", ids.SEE_CASE, str(Ref(case.case_id)))),
    )
    return Rendered(escape_markup(f"{lead}. {why}"), blocks)


def under_way(what: str, where: str = "The case's card shows what comes of it.") -> Notice:
    """The answer to a form whose work goes on beside it."""
    return Notice(escape_markup(f"{what} {where}"), (rich(line(say(what))), context(plain(where))), "Under way")


def words_of(texts: Sequence[str]) -> tuple[Untrusted, ...]:
    """Texts of sources as facts."""
    return tuple(map(Untrusted, texts))


def unreadable(ticket_number: int) -> Rendered:
    """In place of a case whose record does not hold together: nothing of it is shown."""
    words = f"The record of the case of ticket #{ticket_number} does not hold, so nothing of it is shown or done."
    cure = "An operator must look: countersign audit verify names what was changed."
    return Rendered(escape_markup(f"{words} {cure}"), (rich(line(say(words, bold=True)), line(say(cure))),))
