"""Nothing of a case goes out but the exact revision that was approved, on what it was approved on, by those it needs.

A whole desk runs; the cases are made by adding to their records, as the flows of a case do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import aiohttp
import pytest

from copilot.drafting import compose
from copilot.rendered_draft import rendered
from handlers.errors import NotFound, Refused
from handlers.flows.proposals import Proposal
from handlers.flows.propose_action import propose_action
from handlers.views.case_files import MARKDOWN_FILE, PACKET_FILE, TEXT_FILE
from policy import case_entries as e
from policy.case_entries import Body
from policy.case_moves import StatementEvent
from policy.case_release import Hold, basis_of, basis_text, sha256_of
from policy.case_terms import Author, DraftKind, StatementState
from policy.terms import Audience, PersonKey, Provenance
from storage import handoffs
from storage.delivery_files import CASE_FILES
from tests.running import RunningDesk
from tests.threats.cases import OLIVIA, SAM, SANA, change, json_text, message_at, paused, settled
from tests.threats.releases import (
    LEAD,
    SESSION,
    SET,
    Sensitive,
    add,
    ask,
    case_on,
    drafted,
    entries,
    evidence,
    outcome,
    refusals,
    said,
    sensitive,
    shown,
    status,
    story,
    ticket,
    vote,
    waiting_update,
)
from tests.threats.test_where_replies_go import due_now

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELD = "core-no-held-back"


async def gone_out(desk: RunningDesk, case: Sensitive, request_id: UUID) -> list[e.Released]:
    """The releases on the case's record, once the desk has nothing left to do."""
    await desk.idle()
    return [one for one in await entries(desk, case, e.Released) if one.request_id == str(request_id)]


async def assert_nothing_went_out(desk: RunningDesk, case: Sensitive, request_id: UUID, text: str) -> None:
    """THE check of most of these: the customer has not read it, and no message of the kind is on its way."""
    assert await gone_out(desk, case, request_id) == []
    assert text not in shown(desk, case)
    sql = "select count(*) from deliveries where request_id = :id and kind <> 'approval_card' and state <> 'failed'"
    assert await desk.value(sql, id=request_id) == 0


async def changed_text(desk: RunningDesk, case: Sensitive) -> Body:
    """Revision 2 of the update, put differently by a person."""
    draft = compose("customer_update", DraftKind.CUSTOMER_UPDATE, (await story(desk, case)).held, revision=2)
    first = replace(draft.sentences[0], text=f"{draft.sentences[0].text} It is closed now.")
    return e.Drafted(replace(draft, sentences=(first, *draft.sentences[1:])), Author(person=LEAD), "why", "wrong_tone")


async def new_evidence(desk: RunningDesk, case: Sensitive) -> Body:
    return e.Retrieved((evidence(2),))


async def customer_message(desk: RunningDesk, case: Sensitive) -> Body:
    return e.CustomerWrote("a message")


async def latch_set(desk: RunningDesk, case: Sensitive) -> Body:
    return SET


async def other_goal(desk: RunningDesk, case: Sensitive) -> Body:
    return e.Framed("something else", "", is_redirection=True)


async def fact_edited(desk: RunningDesk, case: Sensitive) -> Body:
    [fact, *_] = (await story(desk, case)).held.statements
    after = replace(fact, text="Nothing was open.", revision=2, state=StatementState.PROPOSED)
    return e.StatementStep(after, StatementEvent.EDITED)


async def other_lead(desk: RunningDesk, case: Sensitive) -> Body:
    return e.LeadChanged(PersonKey.parse(SAM), "on leave")


async def model_marked(desk: RunningDesk, case: Sensitive) -> Body:
    """The model's look at the revision is answered only now."""
    mark = e.SuggestedMark("overstated", 0, "was open until", "Only a record of its end shows that.")
    return e.MarksSuggested("customer_update", 1, Author(model="claude-test", prompt_version="lint.v1"), (mark,))


async def closed(desk: RunningDesk, case: Sensitive) -> Body:
    return e.Closed("settled")


CHANGES = pytest.mark.parametrize(
    ("happens", "hold"),
    [
        (changed_text, Hold.LATER_REVISION),
        (new_evidence, Hold.NEW_EVIDENCE),
        (customer_message, Hold.CUSTOMER_WROTE),
        (latch_set, Hold.LATCH_MOVED),
        (other_goal, Hold.OTHER_FRAMING),
        (fact_edited, Hold.STATEMENT_CHANGED),
        (other_lead, Hold.OTHER_LEAD),
        (model_marked, Hold.MARKED),
        (closed, Hold.CLOSED),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)


# --- what was approved is what is sent -------------------------------------------------------------------------------


async def test_threat_08_the_exact_revision_that_was_approved_is_sent_byte_for_byte(desk: RunningDesk) -> None:
    case, request_id, text = await waiting_update(desk)
    assert await entries(desk, case, e.ReleaseAsked) == [e.ReleaseAsked(str(request_id), "customer_update", 1)]

    await vote(desk, request_id, "sam")

    [released] = await gone_out(desk, case, request_id)
    assert shown(desk, case)[-1] == text
    assert released == e.Released(
        str(request_id), "customer_update", 1, "customer", sha256_of(text), (PersonKey.parse(SAM),)
    )
    card = json.dumps(await desk.value("select card from action_requests where id = :id", id=request_id))
    assert "Goes to" in card and sha256_of(text) in card and SESSION in card


async def test_what_the_customer_reads_keeps_apart_what_is_confirmed_what_is_open_and_what_happens_next(
    desk: RunningDesk,
) -> None:
    _, _, text = await waiting_update(desk)

    assert text.split("\n\n") == [
        f"Confirmed: {SESSION}",
        "Still being checked: Who opened that session?",
        "Next: our support lead by 2026-12-01 12:00 UTC: We read the log of that session.",
    ]


async def test_threat_08_a_later_revision_inherits_no_approval(desk: RunningDesk) -> None:
    case, request_id, text = await waiting_update(desk)
    await card(desk, request_id)
    async with paused(desk):
        await vote_without_running(desk, request_id, "sam")
        await add(desk, case, await changed_text(desk, case))
    await desk.idle()

    await assert_nothing_went_out(desk, case, request_id, text)
    assert Hold.LATER_REVISION.value in await outcome(desk, request_id)
    later = (await story(desk, case)).newest("customer_update")
    assert later is not None
    again = await ask(desk, case, later.draft)
    assert await status(desk, again) == "pending"
    assert await desk.value("select count(*) from votes where request_id = :id", id=again) == 0
    await vote(desk, again, "sam")
    assert len(await gone_out(desk, case, again)) == 1
    assert shown(desk, case)[-1] == rendered(later.draft)


async def vote_without_running(desk: RunningDesk, request_id: UUID, who: str) -> None:
    card_ts = await desk.value(
        "select ts from deliveries where request_id = :id and kind = 'approval_card' and state = 'posted'",
        id=request_id,
    )
    await desk.slack.forge.send(desk.slack.forge.click_payload(who, "desk-approvals", card_ts, "request.approve"))
    await desk.until(lambda: desk.value("select 1 from votes where request_id = :id", id=request_id))


async def test_threat_08_a_revision_that_went_out_does_not_go_out_twice(desk: RunningDesk) -> None:
    case, request_id, text = await waiting_update(desk)
    draft = (await story(desk, case)).drafts["customer_update"][0].draft
    other = await ask(desk, case, draft)
    await vote(desk, request_id, "sam")
    await gone_out(desk, case, request_id)

    await vote(desk, other, "sam")

    assert (await refusals(desk, case))[-1][0] == HELD
    assert shown(desk, case).count(text) == 1


# --- what it rests on ------------------------------------------------------------------------------------------------


@CHANGES
async def test_threat_08_what_changes_before_the_approval_keeps_it_back_and_says_why(
    desk: RunningDesk, happens: object, hold: Hold
) -> None:
    case, request_id, text = await waiting_update(desk)
    card_ts = await card(desk, request_id)
    assert "Kept back" not in json_text(message_at(desk, "desk-approvals", card_ts))
    await add(desk, case, await happens(desk, case))  # type: ignore[operator]  # one of the functions above
    # Its card says so before anybody presses.
    await desk.until(lambda: hold.value in json_text(message_at(desk, "desk-approvals", card_ts)))

    await vote(desk, request_id, "sam")

    assert await status(desk, request_id) == "pending"
    rule, reason = (await refusals(desk, case))[-1]
    assert rule == HELD and hold.value in reason
    told = desk.slack.person("sam").ephemerals("desk-approvals")
    assert hold.value in json.dumps(told[-1], ensure_ascii=False)
    await assert_nothing_went_out(desk, case, request_id, text)
    # Saying no lets nothing out.
    await desk.slack.person("sam").click("desk-approvals", await card(desk, request_id), action_id="request.reject")
    await desk.until(desk.slack.person("sam").modals)
    await desk.slack.person("sam").submit(values={"reason": "write it anew"})
    await settled(desk)
    assert await status(desk, request_id) == "rejected"


@CHANGES
async def test_threat_08_what_changes_after_the_approval_keeps_it_back_and_says_why(
    desk: RunningDesk, happens: object, hold: Hold
) -> None:
    case, request_id, text = await waiting_update(desk)
    await card(desk, request_id)
    async with paused(desk):
        await vote_without_running(desk, request_id, "sam")
        await add(desk, case, await happens(desk, case))  # type: ignore[operator]  # one of the functions above
    await desk.idle()

    assert await status(desk, request_id) == "denied"
    assert hold.value in await outcome(desk, request_id)
    [held] = await entries(desk, case, e.HeldBack)
    assert held.request_id == str(request_id) and hold.value in held.why
    await assert_nothing_went_out(desk, case, request_id, text)


async def card(desk: RunningDesk, request_id: UUID) -> str:
    sql = "select ts from deliveries where request_id = :id and kind = 'approval_card' and state = 'posted'"
    return str(await desk.until(lambda: desk.value(sql, id=request_id)))


async def test_threat_08_what_waited_for_the_audience_guard_is_judged_by_its_case_once_more(desk: RunningDesk) -> None:
    case, request_id, text = await waiting_update(desk)
    await card(desk, request_id)
    desk.slack.admin.share_channel("ext-external", "T0GLOBEX001")
    try:
        await vote(desk, request_id, "sam")
        sql = "select error from deliveries where request_id = :id and kind = 'customer_reply' and state = 'held'"
        assert "than its approval card named" in await desk.until(lambda: desk.value(sql, id=request_id))
        assert await gone_out(desk, case, request_id) == []
        await add(desk, case, e.CustomerWrote("a message"))
    finally:
        desk.slack.admin.unshare_channel("ext-external", "T0GLOBEX001")
    await due_now(desk)
    state = "select error from deliveries where request_id = :id and kind = 'customer_reply' and state = 'failed'"
    assert await desk.until(lambda: desk.value(state, id=request_id)) == Hold.CUSTOMER_WROTE.value

    await assert_nothing_went_out(desk, case, request_id, text)
    assert [one.why for one in await entries(desk, case, e.HeldBack)] == [Hold.CUSTOMER_WROTE.value]


async def test_threat_08_a_lead_who_left_answers_for_nothing_that_would_run(desk: RunningDesk) -> None:
    case, request_id, text = await waiting_update(desk)
    await card(desk, request_id)
    async with paused(desk):
        await vote_without_running(desk, request_id, "sam")
        desk.slack.admin.deactivate("olivia")
    try:
        await desk.until(
            lambda: desk.value("select 1 from action_requests where id = :id and status = 'denied'", id=request_id)
        )
        assert Hold.LEAD_IS_GONE.value in await outcome(desk, request_id)
        await assert_nothing_went_out(desk, case, request_id, text)
    finally:
        desk.slack.admin.reactivate("olivia")
        desk.slack.admin.set_group_members("support", ["U0OLIVIA001", "U0SAM000001"])


# --- who -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "rule"),
    [
        ("olivia", "core-no-proposer"),
        ("mallory", "core-no-outsider"),
        ("gina", "core-no-guest"),
        ("erin", "not-permitted"),
    ],
)
async def test_threat_01_nobody_approves_a_release_who_asked_for_it_or_does_not_work_the_desk(
    desk: RunningDesk, who: str, rule: str
) -> None:
    case, request_id, text = await waiting_update(desk)

    await vote(desk, request_id, who)

    assert (await refusals(desk, case))[-1][0] == rule
    assert await status(desk, request_id) == "pending"
    await assert_nothing_went_out(desk, case, request_id, text)


async def test_threat_05_who_asked_on_the_ticket_does_not_approve_what_they_are_told(desk: RunningDesk) -> None:
    case = await sensitive(desk, who="sam", channel="help")
    request_id = await ask(desk, case, await drafted(desk, case))

    await vote(desk, request_id, "sam")

    assert (await refusals(desk, case))[-1][0] == "core-no-requester"
    assert await status(desk, request_id) == "pending"


async def test_threat_01_with_the_latch_set_support_alone_is_not_enough_and_nor_is_security(desk: RunningDesk) -> None:
    case, request_id, text = await waiting_update(desk, DraftKind.CUSTOMER_UPDATE, SET)
    groups, quorum = (
        await desk.rows("select distinct_groups, quorum from action_requests where id = :id", id=request_id)
    )[0]
    assert (sorted(groups), quorum) == (["security", "support"], 2)

    await vote(desk, request_id, "sam")
    assert await status(desk, request_id) == "pending"
    await assert_nothing_went_out(desk, case, request_id, text)
    await vote(desk, request_id, "sana")

    [released] = await gone_out(desk, case, request_id)
    assert set(released.approvers) == {PersonKey.parse(SAM), PersonKey.parse(SANA)}
    assert shown(desk, case)[-1] == text


async def test_threat_01_two_of_security_do_not_stand_for_support(desk: RunningDesk) -> None:
    case, request_id, text = await waiting_update(desk, DraftKind.CUSTOMER_UPDATE, SET)

    await vote(desk, request_id, "sana")
    await vote(desk, request_id, "victor")

    assert await status(desk, request_id) == "pending"
    await assert_nothing_went_out(desk, case, request_id, text)


async def test_threat_21_a_row_that_asks_for_fewer_than_its_case_lets_nothing_out(desk: RunningDesk) -> None:
    case, request_id, text = await waiting_update(desk, DraftKind.CUSTOMER_UPDATE, SET)
    await card(desk, request_id)
    await change(desk, "update action_requests set quorum = 1, distinct_groups = '[]' where id = :id", id=request_id)

    await vote(desk, request_id, "sam")

    await assert_nothing_went_out(desk, case, request_id, text)


async def test_threat_01_only_the_lead_asks_for_a_release_and_the_refusal_is_on_the_trail(desk: RunningDesk) -> None:
    case = await sensitive(desk)
    draft = await drafted(desk, case)

    for who, code in ((SAM, "case-lead-only"), ("T0EXTERN001/U0MALLORY01", "core-no-outsider")):
        with pytest.raises(Refused) as refused:
            await ask(desk, case, draft, who=who)
        assert refused.value.code == code
    [event] = [one for one in await desk.trail(case.ticket_id) if one.name == "case_refused"]
    assert event.actor == SAM and event.payload["rule"] == "case-lead-only"
    assert (
        await desk.value(
            "select count(*) from action_requests where ticket_id = :id and action_id like 'case.%'", id=case.ticket_id
        )
        == 0
    )


async def test_a_summary_goes_nowhere_and_what_is_not_there_is_not_found(desk: RunningDesk) -> None:
    case = await sensitive(desk)
    summary = await drafted(desk, case, DraftKind.INTERNAL_SUMMARY)

    with pytest.raises(Refused) as refused:
        await ask(desk, case, summary)
    assert refused.value.code == "case-draft-stays"
    with pytest.raises(NotFound):
        await ask(desk, case, replace(summary, revision=2))
    with pytest.raises(NotFound):
        await ask(desk, replace(case, case_id=case.ticket_id), summary)


# --- past the case ---------------------------------------------------------------------------------------------------


async def proposal(desk: RunningDesk, case: Sensitive, **changes: object) -> Proposal:
    """The release that the case itself would make, put forward past it."""
    found = await story(desk, case)
    revision = found.newest("customer_update")
    assert revision is not None
    text = rendered(revision.draft)
    basis = basis_of(found, "customer_update", revision.draft.revision, text)
    assert basis is not None
    params = {
        "caseId": str(case.case_id), "draftId": "customer_update", "revision": revision.draft.revision, "text": text,
        "basis": basis_text(basis),
    } | changes  # fmt: skip
    provenance = dict.fromkeys(params, Provenance.OPERATOR)
    return Proposal(case.ticket_id, "case.send_customer_update", params, provenance)


async def put_forward(desk: RunningDesk, wanted: Proposal, who: str = OLIVIA) -> Refused:
    parts = desk.parts.reception.desk
    with pytest.raises(Refused) as refused:
        await propose_action(parts, wanted, await parts.people.resolve(PersonKey.parse(who)))
    return refused.value


async def test_threat_07_nothing_but_the_drafts_own_words_on_its_own_ticket_is_put_forward(desk: RunningDesk) -> None:
    case, other = await sensitive(desk), await sensitive(desk)
    await drafted(desk, case)
    ok = await proposal(desk, case)
    said_otherwise = ok.params["text"] + " Nothing was exposed."
    of_that = json.loads(ok.params["basis"]) | {"sha256": sha256_of(said_otherwise)}
    its_basis = json.dumps(of_that, sort_keys=True, separators=(",", ":"))

    tries: Sequence[tuple[Proposal, str, Hold]] = (
        (await proposal(desk, case, text=said_otherwise), OLIVIA, Hold.OTHER_TEXT),
        (await proposal(desk, case, text=said_otherwise, basis=its_basis), OLIVIA, Hold.OTHER_TEXT),
        (await proposal(desk, case, basis="{}"), OLIVIA, Hold.OTHER_BASIS),
        (await proposal(desk, case, revision=2), OLIVIA, Hold.NO_DRAFT),
        (await proposal(desk, case, caseId=str(other.ticket_id)), OLIVIA, Hold.UNREADABLE),
        (replace(ok, ticket_id=other.ticket_id), OLIVIA, Hold.OTHER_TICKET),
        (replace(ok, action_id="case.hand_off"), OLIVIA, Hold.OTHER_AUDIENCE),
        (ok, SAM, Hold.OTHER_LEAD),
    )
    for wanted, who, hold in tries:
        refused = await put_forward(desk, wanted, who)
        assert refused.code == HELD and refused.reply.startswith(hold.value), hold


async def test_threat_09_a_draft_that_the_linter_blocks_is_not_put_forward(desk: RunningDesk) -> None:
    case = await sensitive(desk)
    draft = compose("customer_update", DraftKind.CUSTOMER_UPDATE, (await story(desk, case)).held)
    surest = replace(draft.sentences[0], text="Confirmed: no data was exposed, we guarantee it.")
    draft = replace(draft, sentences=(surest, *draft.sentences[1:]))
    await add(desk, case, e.Drafted(draft, Author(person=LEAD)))

    with pytest.raises(Refused) as refused:
        await ask(desk, case, draft)

    assert refused.value.code == HELD and refused.value.reply.startswith(Hold.MARKED.value)


@pytest.mark.parametrize("is_row_gone", [False, True])
async def test_threat_07_while_a_case_is_open_its_ticket_is_not_answered_past_it(
    desk: RunningDesk, is_row_gone: bool
) -> None:
    case = await sensitive(desk)
    if is_row_gone:  # As somebody with the database's password could.
        await change(desk, "delete from cases where id = :id", id=case.case_id)
    reply = Proposal(
        case.ticket_id, "ticket.reply_to_customer", {"text": "All is well."}, {"text": Provenance.OPERATOR}
    )

    refused = await put_forward(desk, reply)

    assert refused.code == HELD and refused.reply.startswith(Hold.OPEN_CASE.value)


async def test_threat_07_a_reply_that_was_approved_before_the_case_was_opened_does_not_go_out(
    desk: RunningDesk,
) -> None:
    ticket_id, ts = await ticket(desk)
    parts = desk.parts.reception.desk
    reply = Proposal(ticket_id, "ticket.reply_to_customer", {"text": "All is well."}, {"text": Provenance.OPERATOR})
    proposed = await propose_action(parts, reply, await parts.people.resolve(LEAD))
    await card(desk, proposed.request_id)
    async with paused(desk):
        await vote_without_running(desk, proposed.request_id, "sam")
        case = await case_on(desk, ticket_id, ts)
    await desk.idle()

    assert await status(desk, proposed.request_id) == "denied"
    assert Hold.OPEN_CASE.value in await outcome(desk, proposed.request_id)
    assert "All is well." not in shown(desk, case)


async def test_threat_07_with_the_latch_set_the_ticket_is_not_closed_as_a_routine(desk: RunningDesk) -> None:
    case = await sensitive(desk)
    close = Proposal(case.ticket_id, "ticket.close", {"reason": "done"}, {"reason": Provenance.OPERATOR})
    await add(desk, case, SET)

    refused = await put_forward(desk, close)

    assert refused.code == HELD and refused.reply.startswith(Hold.LATCH_SET.value)
    assert await desk.value("select status from tickets where id = :id", id=case.ticket_id) == "open"


# --- forged in the database ------------------------------------------------------------------------------------------


FORGERIES = {
    "an entry that was never added": (
        "insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash, key_id)"
        " select chain, seq + 1, now(), 'case_mark_overridden', actor, payload, hash, hash, key_id"
        " from audit_events where chain = :chain order by seq desc limit 1"
    ),
    "a head that says less": "update audit_chains set length = length - 1 where chain = :chain",
}


@pytest.mark.parametrize("what", FORGERIES)
async def test_threat_21_a_case_whose_record_was_forged_lets_nothing_out(desk: RunningDesk, what: str) -> None:
    case, request_id, text = await waiting_update(desk)
    await card(desk, request_id)
    await change(desk, FORGERIES[what], chain=f"case:{case.case_id}")

    await vote(desk, request_id, "sam")

    rule, reason = (await refusals(desk, case))[-1]
    assert rule == HELD and Hold.UNREADABLE.value in reason
    assert await status(desk, request_id) == "pending"
    assert text not in shown(desk, case)
    reply = Proposal(case.ticket_id, "ticket.reply_to_customer", {"text": "Hello."}, {"text": Provenance.OPERATOR})
    assert (await put_forward(desk, reply)).reply.startswith(Hold.UNREADABLE.value)


async def test_threat_21_a_message_that_somebody_put_into_the_table_is_not_sent(desk: RunningDesk) -> None:
    case, request_id, text = await waiting_update(desk)
    await card(desk, request_id)
    sql = (
        "insert into deliveries"
        " (id, kind, ticket_id, request_id, audience, channel, thread_ts, args, state, created_at)"
        " values (gen_random_uuid(), :kind, :ticket, :request, :audience, 'C0EXTEXT001', :ts, '{}', 'waiting', now())"
    )
    for kind, audience in (("customer_reply", Audience.CUSTOMER), (CASE_FILES, Audience.INTERNAL)):
        await change(desk, sql, kind=kind, ticket=case.ticket_id, request=request_id, audience=audience, ts=case.ts)
    await change(
        desk,
        "insert into procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)"
        " select 'deliveries', 'sync_delivery', 0, id::text, id::text, jsonb_build_object('delivery_id', id)"
        " from deliveries where request_id = :id and kind <> 'approval_card'",
        id=request_id,
    )
    failed = "select count(*) = 2 from deliveries where request_id = :id and state = 'failed'"
    await desk.until(lambda: desk.value(failed, id=request_id))

    assert text not in shown(desk, case) and text not in "".join(said(desk, case))


async def files_of(desk: RunningDesk, ts: str) -> dict[str, bytes]:
    """What stands in the message of that place in the approvals channel, by name, as Sana downloads it."""
    [message] = [one for one in desk.slack.person("sana").history("desk-approvals") if one["ts"] == ts]
    found = {}
    async with aiohttp.ClientSession() as session:
        for file in message["files"]:
            async with session.get(f"{desk.slack.url}/client/file?as=sana&file={file['id']}") as answer:
                found[file["name"]] = await answer.read()
    return found


# --- the handoff -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DraftKind.ENGINEERING_HANDOFF, DraftKind.SECURITY_HANDOFF])
async def test_a_handoff_is_a_signed_packet_of_what_was_approved(desk: RunningDesk, kind: DraftKind) -> None:
    case, request_id, text = await waiting_update(desk, kind)

    await vote(desk, request_id, "sam")

    sql = "select ts from deliveries where request_id = :id and kind = 'case_files' and state = 'posted'"
    files = await files_of(desk, await desk.until(lambda: desk.value(sql, id=request_id)))
    notary = desk.parts.notary
    assert notary is not None
    assert files[TEXT_FILE].decode() == text
    assert handoffs.check(files[PACKET_FILE], files[MARKDOWN_FILE], [notary.public_key]) == []
    held = json.loads(files[PACKET_FILE])
    recipient = kind.value.removesuffix("_handoff")
    assert held["audience"] == recipient
    assert [one["text"] for one in held["facts"]] == [SESSION]
    assert [(one["by"], one["digest"]) for one in held["approvals"]] == [(SAM, sha256_of(text))]
    [released] = await gone_out(desk, case, request_id)
    assert (released.audience, released.text_sha256) == (recipient, sha256_of(text))
    assert text not in "".join(shown(desk, case))
    kept = (
        "select v.text from messages m join message_versions v on v.message_id = m.id"
        " where m.ticket_id = :id and m.audience = 'internal'"
    )
    assert text in [row[0] for row in await desk.rows(kept, id=case.ticket_id)]


PLANTED = "All is well, and nothing was seen."
SWAPS = {
    "the packet": (
        "update delivery_files set content ="
        " convert_to(replace(convert_from(content, 'UTF8'), 'open until', 'shut since'), 'UTF8')"
        " where delivery_id = :id"
    ),
    "the words with their hash": (
        f"with swapped as (update delivery_files set content = convert_to('{PLANTED}', 'UTF8')"
        " where delivery_id = :id and position = 0) update deliveries"
        " set args = jsonb_set(args::jsonb, '{files,0,sha256}',"
        f" to_jsonb('{hashlib.sha256(PLANTED.encode()).hexdigest()}'::text))::json where id = :id"
    ),
    "what is said beside it": (
        "update deliveries set args ="
        f" jsonb_set(args::jsonb, '{{comment}}', to_jsonb('{PLANTED}'::text))::json where id = :id"
    ),
    "where it goes": "update deliveries set channel = 'C0GENERAL01' where id = :id",
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
async def test_threat_21_a_packet_that_was_changed_in_its_row_is_not_handed_over(desk: RunningDesk, swap: str) -> None:
    case, request_id, _ = await waiting_update(desk, DraftKind.SECURITY_HANDOFF)
    await card(desk, request_id)
    desk.slack.admin.share_channel("desk-approvals", "T0EXTERN001")
    try:
        await vote(desk, request_id, "sam")
        held = "select 1 from deliveries where request_id = :id and kind = 'case_files' and state = 'held'"
        await desk.until(lambda: desk.value(held, id=request_id))
        which = "select id from deliveries where request_id = :id and kind = 'case_files'"
        await change(desk, swap, id=await desk.value(which, id=request_id))
    finally:
        desk.slack.admin.unshare_channel("desk-approvals", "T0EXTERN001")
    await due_now(desk)
    failed = "select error from deliveries where request_id = :id and kind = 'case_files' and state = 'failed'"
    assert "not the one that was signed" in await desk.until(lambda: desk.value(failed, id=request_id))
    assert await gone_out(desk, case, request_id) == []
