"""Checking what the tables say of decisions against the trail and the votes' signatures.

The trail is believed here, so its chains are verified first (`storage.verification`), in the same transaction. Then:

    1  every vote bears a signature of a known key, and the trail has it; every vote of the trail is in the table
    2  every request is on its ticket's trail with the same digest, verdict, quorum, groups that must approve, earlier
       request that it replaces, revision, editors and reason for break-glass; every request there is in the table; and
       whichever replaces another is the one that the other was replaced by
    3  its status is where the trail's steps lead; and where it says that the request was approved, so do verified votes
       of as many people as the trail's quorum, one of each group that must approve, and none against it
    4  accounts are linked, and stops are set and lifted, in the tables as on the trail
    5  every run belongs to a request that was approved, and every request that ran has a run
    6  every review of a break-glass request is due and recorded in both alike (`storage.review_evidence`)
    7  every passkey stands where the trail's steps lead, and one that counts is sealed (`storage.passkey_evidence`)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, text

from policy.terms import Choice, RequestStatus, Verdict
from policy.votes import VoteSigner, speak_for_all
from storage import people, requests, stop_evidence
from storage.audit import ticket_chain
from storage.database import Transaction
from storage.passkey_evidence import check_passkeys
from storage.review_evidence import check_reviews
from storage.schema import ActionRequest, Execution, VoteRow
from storage.told import STEPS, Told, tell

_HAS_RUN = frozenset({RequestStatus.RUNNING, RequestStatus.EXECUTED, RequestStatus.FAILED, RequestStatus.UNKNOWN})
_IS_APPROVED = _HAS_RUN | {RequestStatus.APPROVED}


@dataclass
class _Counted:
    """The votes of one request that bear a known key's signature."""

    approvers: set[str] = field(default_factory=set)
    is_rejected: bool = False


async def check(tx: Transaction, signer: VoteSigner) -> list[str]:
    """Everything that does not hold, in words. After `verification.verify`, in its transaction."""
    told = await _read_trail(tx)
    findings, counted = await _check_votes(tx, signer, told)
    findings += await people.links_contradicted(tx)
    runs = {row[0] for row in await tx.execute(select(Execution.request_id))}
    known: set[str] = set()
    rows = select(
        ActionRequest.id,
        ActionRequest.ticket_id,
        ActionRequest.digest,
        ActionRequest.verdict,
        ActionRequest.quorum,
        ActionRequest.distinct_groups,
        ActionRequest.status,
        ActionRequest.replaces,
        ActionRequest.revision,
        ActionRequest.editors,
        ActionRequest.break_glass,
    ).order_by(ActionRequest.created_at, ActionRequest.id)
    async for row in await tx.stream(rows):
        whys = _check_request(row, told.get(str(row.id)), counted.get(str(row.id), _Counted()))
        whys += _check_run(row, has_run=row.id in runs)
        findings += [f"request {row.id} {why}" for why in whys]
        known.add(str(row.id))
    findings += [
        f"request {request_id} is on the trail ({one.chain}) and not in the table"
        for request_id, one in told.items()
        if request_id not in known
    ]
    findings += _check_replaced(told) + await stop_evidence.check(tx) + await check_reviews(tx, told)
    return findings + await check_passkeys(tx, signer)


def _check_replaced(told: Mapping[str, Told]) -> list[str]:
    """(2) Each end of an edit knows of the other."""
    forward = {(request_id, one.replaced_by) for request_id, one in told.items() if one.replaced_by}
    back = {(one.replaces, request_id) for request_id, one in told.items() if one.replaces}
    return [
        f"request {earlier} and request {later}: the trail of only one of them says that the later replaces the earlier"
        for earlier, later in sorted(forward ^ back)
    ]


async def _read_trail(tx: Transaction) -> dict[str, Told]:
    told: dict[str, Told] = {}
    rows = text(
        "select chain, name, actor, payload::text from audit_events where name = any(:names) order by chain, seq"
    )
    async for chain, name, actor, payload_text in await tx.stream(rows, {"names": [str(step) for step in STEPS]}):
        # Read here and not by PostgreSQL, which fails on some escapes that a payload may hold.
        tell(told, chain, name, actor, json.loads(payload_text))
    return told


async def _check_votes(
    tx: Transaction, signer: VoteSigner, told: Mapping[str, Told]
) -> tuple[list[str], dict[str, _Counted]]:
    """(1)"""
    findings: list[str] = []
    counted: dict[str, _Counted] = {}
    left = {(request_id, *vote) for request_id, one in told.items() for vote in one.votes}
    async for row in await tx.stream_scalars(select(VoteRow).order_by(VoteRow.id)):
        request_id = str(row.request_id)
        name = f"vote {row.id} ({row.choice} by {row.voter} on request {request_id})"
        left.discard((request_id, row.voter, row.choice, row.digest))
        is_told = request_id in told and (row.voter, row.choice, row.digest) in told[request_id].votes
        if why := _why_not_signed(row, signer):
            findings.append(f"{name} {why}")
        if not is_told:
            findings.append(f"{name} is in the table and not on the trail")
        elif not why and row.digest == told[request_id].digest:
            count = counted.setdefault(request_id, _Counted())
            count.is_rejected |= row.choice == Choice.REJECT
            if row.choice == Choice.APPROVE:
                count.approvers.add(row.voter)
        tx.expunge(row)
    findings += [
        f"the vote {choice} by {voter} on request {request_id} is on the trail and not in the table"
        for request_id, voter, choice, _ in sorted(left)
    ]
    return findings, counted


def _why_not_signed(row: VoteRow, signer: VoteSigner) -> str:
    try:
        vote = requests.as_vote(row)
    except ValueError:
        return "is forged: it is no vote that this desk could have written"
    if signer.verify(vote):
        return ""
    if not signer.knows(row.key_id):
        return (
            f"cannot be checked: it names the vote key {row.key_id!r}, which is neither COUNTERSIGN_VOTE_KEY nor one of"
            " COUNTERSIGN_VOTE_KEYS_OLD"
        )
    return "is forged or was changed: its signature does not fit"


def _check_request(row: Any, one: Told | None, counted: _Counted) -> list[str]:
    """(2) and (3)"""
    if one is None or one.status is None:
        return ["is in the table and not on the trail"]
    whys = [f"has a step that cannot be: {one.illegal}"] if one.illegal else []
    if one.chain != ticket_chain(row.ticket_id):
        whys.append(f"was moved to another ticket: the trail has it at {one.chain}")
    for what, stored, said in (
        ("digest", row.digest, one.digest),
        ("verdict", row.verdict, one.verdict),
        ("quorum", row.quorum, one.quorum),
        ("groups that must approve", sorted(row.distinct_groups), sorted(one.distinct_groups)),
        ("earlier request that it replaces", str(row.replaces or ""), one.replaces),
        ("revision", row.revision, one.revision),
        ("editors", sorted(row.editors), sorted(one.editors)),
        ("reason for break-glass", row.break_glass, one.break_glass),
    ):
        if stored != said:
            whys.append(f"has the {what} {stored}, and the trail says {said}")
    if row.status != one.status:
        whys.append(f"has the status {row.status}, and the trail leads to {one.status}")
    status = row.status
    if one.verdict == Verdict.NEEDS_APPROVAL:
        if status in _IS_APPROVED and len(counted.approvers) < one.quorum:
            whys.append(f"is {status} with {len(counted.approvers)} of the {one.quorum} approvals that it needs")
        approvers = {voter: one.groups_of.get(voter, ()) for voter in counted.approvers}
        if status in _IS_APPROVED and not speak_for_all(one.distinct_groups, approvers):
            whys.append(f"is {status}, and not each of {', '.join(one.distinct_groups)} has an approval of its own")
        if status in (*_IS_APPROVED, RequestStatus.PENDING) and counted.is_rejected:
            whys.append(f"is {status}, and somebody rejected it")
        if status == RequestStatus.REJECTED and not counted.is_rejected:
            whys.append("is rejected, and no vote rejects it")
    elif one.verdict == Verdict.DENY and status != RequestStatus.DENIED:
        whys.append(f"is {status}, and the policy denied it")
    return whys


def _check_run(row: Any, *, has_run: bool) -> list[str]:
    """(5)"""
    if has_run and row.status not in _HAS_RUN:
        return [f"was run, and its status is {row.status}"]
    if not has_run and row.status in _HAS_RUN:
        return [f"is {row.status}, and there is no record of a run"]
    return []
