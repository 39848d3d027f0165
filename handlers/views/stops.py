"""Kill switches as our own people see them: announced, listed, above the ticket list, and in private answers."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.views.blocks import Block, bullets, line, person, rich, say, utc, when
from handlers.views.facts import StopChangeFacts, StopFacts
from handlers.views.notices import Notice
from handlers.views.plain import escape_markup, one_line
from handlers.views.rendered import Rendered
from handlers.views.wording import count
from policy.stops import StopScope

_REASON_LENGTH = 300
_SHOWN = 10


def change(changed: StopChangeFacts) -> Rendered:
    """In the approvals channel: something was stopped, or a stop was lifted."""
    stop = changed.stop
    lead = "🛑 Stopped: " if changed.is_set else "▶️ Stop lifted: "
    then = (
        "Nothing of it is proposed, approved or run until the stop is lifted; what had begun to run goes on. Rejecting"
        " and withdrawing stay possible."
        if changed.is_set
        else "What waits can be decided again. What was refused meanwhile has ended; propose it again if it is wanted."
    )
    blocks = (rich(line(say(lead, bold=True), *_what(stop)), line(*_by(stop)), line(say(then, italic=True))),)
    return Rendered(escape_markup(f"{lead}{_plain(stop)}. {then}"), blocks)


def banner(stops: Sequence[StopFacts]) -> list[Block]:
    """Above the list of tickets; nothing where nothing is stopped."""
    if not stops:
        return []
    lead = "🛑 Everything is stopped" if any(one.scope is StopScope.ALL for one in stops) else "🛑 Stopped for now"
    return [rich(line(say(lead, bold=True)), _listed(stops))]


def listed(stops: Sequence[StopFacts]) -> Notice:
    """The answer to somebody who asks what is stopped."""
    if not stops:
        words = "No stop is in force."
        return Notice(words, (rich(line(say(words))),), "Stops")
    text = f"{count(len(stops), 'stop')} in force: {'; '.join(_plain_what(one) for one in stops[:_SHOWN])}"
    return Notice(escape_markup(text), (rich(line(say("In force", bold=True)), _listed(stops)),), "Stops")


def is_set(stop: StopFacts, *, is_new: bool, under_way: int) -> Notice:
    """The answer to whoever set one: from here on nothing that it covers begins."""
    lead = "🛑 Stopped: " if is_new else "🛑 Stopped already: "
    text = "Nothing that it covers begins to run from now on."
    if under_way:
        text += (
            f" {count(under_way, 'run')} had begun before and cannot be taken back; their cards say what came of it."
        )
    lines = [line(say(lead, bold=True), *_what(stop)), *([] if is_new else [line(*_by(stop))]), line(say(text))]
    return Notice(escape_markup(f"{lead}{_plain(stop)}. {text}"), (rich(*lines),), "Stopped")


def is_lifted(stop: StopFacts) -> Notice:
    """The answer to whoever lifted one."""
    text = "What was refused meanwhile stays refused; propose it again if it is wanted."
    blocks = (rich(line(say("▶️ Stop lifted: ", bold=True), *_what(stop)), line(say(text))),)
    return Notice(escape_markup(f"▶️ Stop lifted: {_plain(stop)}. {text}"), blocks, "Stop lifted")


def on_card(stop: StopFacts) -> list[Block]:
    """On a card that waits: why nobody can approve it, and what is still possible."""
    text = "Nobody can approve it until the stop is lifted. It can be rejected or withdrawn."
    return [line(say("🛑 Stopped: ", bold=True), *_what(stop), say(", "), *_by(stop)), line(say(text))]


def _listed(stops: Sequence[StopFacts]) -> Block:
    lines = [line(*_what(one), say(": "), *_by(one)) for one in stops[:_SHOWN]]
    if len(stops) > _SHOWN:
        lines.append(line(say(f"and {len(stops) - _SHOWN} more")))
    return bullets(lines)


def _what(stop: StopFacts) -> list[Block]:
    match stop.scope:
        case StopScope.ALL:
            return [say("everything")]
        case StopScope.ACTION:
            return [say("the action "), say(one_line(stop.value, 100), code=True)]
        case StopScope.PERSON:
            return [
                say("whatever "),
                person(stop.about_user_id, one_line(stop.value, 100)),
                say(" asked for or proposed"),
            ]


def _by(stop: StopFacts) -> list[Block]:
    why = f": “{one_line(stop.reason, _REASON_LENGTH)}”"
    return [say("by "), person(stop.by_user_id, one_line(stop.by_label, 80)), say(", "), when(stop.at), say(why)]


def _plain(stop: StopFacts) -> str:
    by = f"by {one_line(stop.by_label, 80)}, {utc(stop.at)}"
    return f"{_plain_what(stop)}, {by}: {one_line(stop.reason, _REASON_LENGTH)}"


def _plain_what(stop: StopFacts) -> str:
    return {
        StopScope.ALL: "everything",
        StopScope.ACTION: f"the action {one_line(stop.value, 100)}",
        StopScope.PERSON: f"whatever {one_line(stop.value, 100)} asked for or proposed",
    }[stop.scope]
