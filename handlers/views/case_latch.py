"""The security latch as people see it: above everything else of its case, and the form in which it is released."""

from __future__ import annotations

import json

from handlers.views import case_ids as ids
from handlers.views.blocks import Block, actions, bullets, button, context, header, line, moment, plain, rich, say
from handlers.views.case_facts import CaseFacts, LatchFacts, LatchReasonFacts
from handlers.views.case_ids import Ref
from handlers.views.case_inputs import checks, reason_input
from handlers.views.case_wording import RULE_WORDS, evidence_label, name, people
from handlers.views.plain import one_line, visible
from handlers.views.surfaces import modal
from handlers.views.wording import count
from policy.latch import Rule

SEEN_BLOCK = "seen"
_REASONS_SHOWN = 3
_SENTENCE_LENGTH = 300
_RELEASES_SHOWN = 3
_READABLE = 150_000
"""Characters of JSON: how much of reasons one modal can hold whole."""
_REASONS_READABLE = 80

MEANING = (
    "Records show possible unauthorised access, so this case is in the formal security process: it is not closed as "
    "routine, nothing is said about exposure, and a customer update needs the approval of support and of security."
)


def latch_banner(case: CaseFacts) -> list[Block]:
    """What the latch means, why it is set and who may release it; nothing where it is not set."""
    latch = case.latch
    if not latch.is_set:
        return []
    reasons = [_reason_line(one) for one in latch.reasons[:_REASONS_SHOWN]]
    hidden = len(latch.reasons) - _REASONS_SHOWN
    if hidden > 0:
        reasons.append(line(say(f"{count(hidden, 'more reason')}, shown whole where it is released", italic=True)))
    lead = [line(say("🔒 Security latch is set", bold=True)), line(say(MEANING))]
    return [
        rich(*lead, *([bullets(reasons)] if reasons else []), _releasers(latch)),
        actions(button("Release the latch…", ids.RELEASE_LATCH, str(Ref(case.case_id)))),
    ]


def release_latch_modal(case: CaseFacts) -> Block:
    """Every reason, whole, each kind to be ticked as read, and why it is released.

    The metadata says which reasons were shown (`Ref.seen`): one that came since is not released unread.
    """
    latch = case.latch
    title = header(one_line(f"Case on ticket #{case.ticket_number}", 150))
    if not latch.is_set:
        return modal("Release the latch", [title, rich(line(say("The latch is not set, so there is nothing to do.")))])
    reasons = [_whole_reason(one) for one in latch.reasons[: _REASONS_READABLE + 1]]
    if len(reasons) > _REASONS_READABLE or len(json.dumps(reasons)) > _READABLE:
        words = "There is more than can be shown here whole, so it cannot be released here: ask your operator."
        return modal("Release the latch", [title, rich(line(say(words)))])
    options = [
        (rule.value, f"I read all {number} of: {RULE_WORDS[rule]}" if number > 1 else f"I read: {RULE_WORDS[rule]}")
        for rule, number in _by_rule(latch)
    ]
    blocks = [
        title,
        rich(line(say("It is set for these reasons", bold=True))),
        *reasons,
        *_earlier(latch),
        checks(SEEN_BLOCK, "What you have seen", options, is_required=True),
        reason_input("Why is it safe to release it?", "Kept in the case's record, with all of these reasons."),
        context(plain("Only a person of security may release it, who is not one of the accounts that it is about.")),
    ]
    ref = Ref(case.case_id, seen=latch.seen)
    return modal(
        "Release the latch", blocks, str(ref), "Release", callback_id=ids.RELEASE_LATCH_VIEW, close="Cancel"
    )  # fmt: skip


def rules_to_read(latch: LatchFacts) -> tuple[str, ...]:
    """What has to be ticked."""
    return tuple(rule.value for rule, _ in _by_rule(latch))


def _by_rule(latch: LatchFacts) -> list[tuple[Rule, int]]:
    counted: dict[Rule, int] = {}
    for one in latch.reasons:
        counted[one.rule] = counted.get(one.rule, 0) + 1
    return list(counted.items())


def _reason_line(reason: LatchReasonFacts) -> Block:
    return line(
        say(f"{RULE_WORDS[reason.rule]}: ", bold=True),
        say(one_line(reason.sentence, _SENTENCE_LENGTH, where="release it")),
    )


def _whole_reason(reason: LatchReasonFacts) -> Block:
    labels = "; ".join(evidence_label(one) for one in reason.evidence[:20])
    more = f" and {len(reason.evidence) - 20} more" if len(reason.evidence) > 20 else ""
    # Escapes lengthen a text by at most ten characters for each of its own: nothing of it is left out.
    whole = visible(reason.sentence, 12 * len(reason.sentence) + 200)
    return rich(
        line(say(RULE_WORDS[reason.rule], bold=True)),
        line(say(whole)),
        line(say(f"Rests on {labels or 'no evidence that is shown'}{more}", italic=True)),
    )


def _releasers(latch: LatchFacts) -> Block:
    if not latch.releasers:
        return line(say("⚠️ Nobody of security could release it now: ask your operator who is in that group."))
    return line(say("May release it: "), *people(latch.releasers))


def _earlier(latch: LatchFacts) -> list[Block]:
    return [
        context(plain(f"Released before by {name(one.by)}: {one_line(one.reason, 300)}"), moment(one.at))
        for one in latch.releases[-_RELEASES_SHOWN:]
    ]
