"""The packet of a case, made of exactly the entries that its release was asked for on, signed, and queued as files.

Nothing that came into the case later is in it: what would have changed it has kept the release back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from copilot.handoff import Approval, Recipient, make_packet
from copilot.handoff_content import content
from copilot.handoff_page import page
from copilot.handoff_record import record_of
from handlers.desk import Desk
from handlers.views.case_files import MARKDOWN_FILE, PACKET_FILE, TEXT_FILE, handed_over
from policy.case_release import AUDIENCE_OF, entries_of, sha256_of
from policy.case_story import CaseStory, tell
from policy.terms import Choice, PersonKey
from storage import delivery_files, handoffs, requests
from storage.database import Transaction
from storage.delivery_files import NewFile
from storage.schema import ActionRequest, Delivery


async def post_files(desk: Desk, tx: Transaction, story: CaseStory, request: ActionRequest) -> str:
    """Make the packet and queue its files for our own people. Why none was made, in words, or ""."""
    if desk.notary is None:
        return "there is no key to sign one with (COUNTERSIGN_CHECKPOINT_KEY)"
    then = tell(story.entries[: entries_of(request.params)])
    found = then.revision(str(request.params["draftId"]), int(str(request.params["revision"])))
    if found is None:
        return "the case had no such revision"
    recipient, now = Recipient(AUDIENCE_OF[found.draft.kind]), desk.clock()
    record = record_of(str(UUID(str(request.params["caseId"]))), then)
    record = replace(record, approvals=(*record.approvals, *await _approvals(tx, request, recipient)))
    packet = make_packet(record, recipient, made_by=then.lead, made_at=now)
    markdown = page(packet)
    signed = handoffs.issue(desk.notary, content(packet), markdown).decode()
    text = str(request.params["text"])
    files = [
        NewFile(TEXT_FILE, "text/plain", text.encode()),
        NewFile(MARKDOWN_FILE, "text/markdown", markdown.encode()),
        NewFile(PACKET_FILE, "application/json", signed.encode()),
    ]
    await delivery_files.post(
        tx,
        handoff_channel(desk, recipient),
        files,
        comment=handed_over(then.opened.ticket_number, recipient.value, sha256_of(signed)),
        delivery_id=desk.new_id(),
        at=now,
        ticket_id=request.ticket_id,
        request_id=request.id,
    )
    return ""


def handoff_channel(desk: Desk, recipient: Recipient) -> str:
    """Where those who take a case over read."""
    settings = desk.settings
    theirs = settings.security_channel if recipient is Recipient.SECURITY else settings.escalation_channel
    return theirs or settings.approvals_channel


async def is_as_signed(
    desk: Desk, tx: Transaction, delivery: Delivery, story: CaseStory, params: Mapping[str, Any]
) -> bool:
    """Whether what is about to be sent is what the desk made of this release, which is all read from rows.

    1  the three files and no other, of which the packet and its Markdown are as they were signed
    2  the packet is of this case and of the words that were approved, which the text is, letter for letter
    3  it goes to those whom it is for, with our own words beside it
    """
    names = [str(one["name"]) for one in delivery.args.get("files", ())]
    contents = [row.content for row in await delivery_files.of_delivery(tx, delivery.id)]
    if desk.notary is None or names != [TEXT_FILE, MARKDOWN_FILE, PACKET_FILE] or len(contents) != len(names):
        return False
    text, markdown, signed = contents
    if handoffs.check(signed, markdown, [desk.notary.public_key]):  # 1
        return False
    packet, digest = json.loads(signed), sha256_of(str(params["text"]))
    is_of_it = packet["case"] == params["caseId"] and any(one["digest"] == digest for one in packet["approvals"])
    if not is_of_it or text != str(params["text"]).encode():  # 2
        return False
    comment = handed_over(story.opened.ticket_number, packet["audience"], sha256_of(signed.decode()))
    channel = handoff_channel(desk, Recipient(packet["audience"]))
    return (delivery.args.get("comment"), delivery.channel) == (comment, channel)  # 3


async def _approvals(tx: Transaction, request: ActionRequest, recipient: Recipient) -> list[Approval]:
    draft_id, number = str(request.params["draftId"]), int(str(request.params["revision"]))
    digest = sha256_of(str(request.params["text"]))
    votes = (await requests.votes(tx, [request.id]))[request.id]
    return [
        _approval(recipient.value, draft_id, number, digest, PersonKey.parse(row.voter), row.cast_at)
        for row in votes
        if row.choice == Choice.APPROVE
    ]


def _approval(audience: str, draft_id: str, revision: int, digest: str, by: PersonKey, at: datetime) -> Approval:
    return Approval(f"for {audience}: draft {draft_id}, revision {revision}", digest, by, at)
