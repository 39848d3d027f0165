"""A passkey in Slack: the card it is approved on, what changed about one, and a person's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from handlers.views.blocks import (
    Block,
    actions,
    button,
    confirmation,
    context,
    header,
    labelled,
    line,
    link,
    person,
    plain,
    rich,
    say,
    utc,
    when,
)
from handlers.views.facts import PasskeyFacts
from handlers.views.notices import Notice
from handlers.views.plain import escape_markup, one_line
from handlers.views.rendered import Rendered
from policy.passkeys import PasskeyState

_STATES = {
    PasskeyState.WAITING: "⏳ Waits for a second person",
    PasskeyState.APPROVED: "✅ Counts",
    PasskeyState.REVOKED: "⛔ Revoked",
}
_NAME_LENGTH = 80


def passkey_card(passkey: PasskeyFacts) -> Rendered:
    """In the approvals channel: whose it is, how to make sure of that, and where it stands."""
    name = one_line(passkey.owner_label, _NAME_LENGTH)
    lines = [
        line(say(_STATES[passkey.state], bold=True)),
        labelled("Whose", person(passkey.owner_user_id, name)),
        labelled("Code", say(passkey.fingerprint, code=True)),
        labelled("Enrolled", when(passkey.enrolled_at)),
    ]
    if passkey.state is PasskeyState.WAITING:
        ask = "Before you approve: ask them for the code, face to face or by voice. It stands on their page. In Slack"
        lines.append(line(say(f"{ask} it might be somebody else who answers.")))
    if passkey.approved_at is not None:
        lines.append(labelled("Approved by", *_who(passkey.approved_by), say("  ·  "), when(passkey.approved_at)))
    blocks = [
        header("New passkey" if passkey.state is PasskeyState.WAITING else "Passkey"),
        rich(*lines),
        context(plain("With a passkey its owner confirms approvals of what can do the most harm")),
        *_buttons(passkey),
    ]
    text = f"Passkey of {name}, code {passkey.fingerprint}: {_STATES[passkey.state]}"
    return Rendered(escape_markup(text), tuple(blocks))


def _buttons(passkey: PasskeyFacts) -> list[Block]:
    if passkey.state is PasskeyState.REVOKED:
        return []
    if passkey.state is PasskeyState.APPROVED:
        return [actions(_revoke(passkey, "Revoke"))]
    sure = confirmation(
        "Did you ask them?",
        f"They read this code to you, face to face or by voice: {passkey.fingerprint}",
        "Yes, approve",
        is_dangerous=False,
    )
    approve = button("Approve", "passkey.approve", passkey.passkey_id, style="primary", confirm=sure)
    return [actions(approve, _revoke(passkey, "Refuse"))]


def _revoke(passkey: PasskeyFacts, label: str) -> Block:
    text = "It counts for nothing from now on, also for approvals that have not run yet. This cannot be undone."
    sure = confirmation(f"{label} this passkey?", text, label, is_dangerous=True)
    return button(label, "passkey.revoke", passkey.passkey_id, style="danger", confirm=sure)


def passkey_notice(step: str, owner_user_id: str, owner_label: str, by: str) -> Rendered:
    """In the approvals channel: one counts from now on, or does no more."""
    name = one_line(owner_label, _NAME_LENGTH)
    what = "counts from now on" if step == "passkey_approved" else "is revoked and counts no more"
    lead = line(
        say("🔑 "), say("A passkey of "), person(owner_user_id, name), say(f" {what}, by "), *_who(by), say(".")
    )
    by_words = "an operator, from the command line" if "/" not in by else one_line(by.partition("/")[2], _NAME_LENGTH)
    return Rendered(escape_markup(f"A passkey of {name} {what}, by {by_words}."), (rich(lead),))


def own_passkeys(url: str, expires_at: datetime, passkeys: Sequence[PasskeyFacts]) -> Notice:
    """To one person: where to enrol one, and what they have."""
    lead = line(
        say("🔑 Your passkeys  ", bold=True),
        say("confirm what takes more than a click. "),
        link(url, "Enrol one in your browser"),
        say("  ·  until "),
        when(expires_at),
    )
    blocks: list[Block] = [rich(lead, line(say("The link is for you alone, and works once.", italic=True)))]
    for one in passkeys:
        words = line(say(one.fingerprint, code=True), say(f"  {_STATES[one.state]}, enrolled {utc(one.enrolled_at)}"))
        blocks += [rich(words), actions(_revoke(one, "Revoke"))]
    if not passkeys:
        blocks.append(rich(line(say("You have none so far."))))
    return Notice(f"Enrol a passkey in your browser: {url}", tuple(blocks), "Your passkeys")


def own_button() -> Block:
    """On App Home: the way to one's own."""
    return actions(button("Your passkeys", "passkey.show", "own"))


def done(passkey: PasskeyFacts) -> Notice:
    """Ephemeral, to whoever pressed: it was done."""
    name = one_line(passkey.owner_label, _NAME_LENGTH)
    what = "counts from now on" if passkey.state is PasskeyState.APPROVED else "counts no more"
    text = f"The passkey {passkey.fingerprint} of {name} {what}."
    return Notice(escape_markup(text), (rich(line(say("✅ Done  ", bold=True), say(text))),), "Done")


def _who(by: str) -> tuple[Block, ...]:
    if "/" not in by:
        return (say("an operator, from the command line"),)
    user_id = by.partition("/")[2]
    return (person(user_id, one_line(user_id, _NAME_LENGTH)),)
