"""Checking what the tables say of decisions against the trail and the votes' signatures.

The trail is believed here, so its chains are verified first (`storage.verification`), in the same transaction. Then:

    1  every vote bears a signature of a known key, and the trail has it; every vote of the trail is in the table
    2  every request is on its ticket's trail with the same digest, verdict, quorum, groups that must approve, earlier
       request that it replaces, revision, editors and reason for break-glass; every request there is in the table;
       whichever replaces another is the one that the other was replaced by; and the digest follows from the rows of the
       request and its ticket
    3  its status is where the trail's steps lead; and where it says that the request was approved, so do verified votes
       of as many people as the trail's quorum, one of each group that must approve, and none against it. Accounts that
       were known to be one person's when they voted are one
    4  accounts are linked, and stops are set and lifted, in the tables as on the trail
    5  every run belongs to a request that was approved, and every request that ran has a run, with the key, the state
       and the detail that the trail has
    6  every review of a break-glass request is due and recorded in both alike (`storage.review_evidence`)
    7  every passkey stands where the trail's steps lead, and one that counts is sealed (`storage.passkey_evidence`)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, text

from policy.errors import NotCanonical
from policy.terms import Choice, RequestStatus, Verdict
from policy.votes import VoteSigner, speak_for_all
from storage import people, requests, stop_evidence
from storage.approvers import Cast, approvers
from storage.audit import Step, ticket_chain
from storage.database import Transaction
from storage.passkey_evidence import check_passkeys
from storage.review_evidence import check_reviews
from storage.schema import ActionRequest, Execution, Ticket, VoteRow
from storage.told import STEPS, Told, tell

_HAS_RUN = frozenset({RequestStatus.RUNNING, RequestStatus.EXECUTED, RequestStatus.FAILED, RequestStatus.UNKNOWN})
_IS_APPROVED = _HAS_RUN | {RequestStatus.APPROVED}


DigestOf = Callable[[ActionRequest, Ticket], str]
"""Takes the digest from the rows, with the revision of the ticket that was shown."""


@dataclass
class _Counted:
    """The votes of one request that bear a known key's signature."""

    approvers: set[str] = field(default_factory=set)
    is_rejected: bool = False


@dataclass(frozen=True)
class _Run:
    """What the trail tells of a run."""

    key: str
    state: str = "running"
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Trail:
    """What the trail tells of all requests, by their ids."""

    told: dict[str, Told] = field(default_factory=dict)
    runs: dict[str, _Run] = field(default_factory=dict)
    cast: dict[str, list[Cast]] = field(default_factory=dict)
    of_before: set[str] = field(default_factory=set)
    """Requests that were proposed before there was an audit key: their digests have an earlier form."""


async def check(tx: Transaction, signer: VoteSigner, digest_of: DigestOf) -> list[str]:
    """Everything that does not hold, in words. After `verification.verify`, in its transaction."""
    trail = await _read_trail(tx)
    findings, counted = await _check_votes(tx, signer, trail.told)
    findings += await people.links_contradicted(tx)
    runs = {row.request_id: row async for row in await tx.stream_scalars(select(Execution))}
    known: set[str] = set()
    rows = select(ActionRequest, Ticket).join(Ticket, Ticket.id == ActionRequest.ticket_id)
    async for row, ticket in await tx.stream(rows.order_by(ActionRequest.created_at, ActionRequest.id)):
        name = str(row.id)
        whys = _check_request(row, trail.told.get(name), counted.get(name, _Counted()), trail.cast.get(name, []))
        if name not in trail.of_before:
            whys += _check_digest(row, ticket, digest_of)
        whys += _check_run(row, runs.get(row.id), trail.runs.get(name))
        findings += [f"request {name} {why}" for why in whys]
        known.add(name)
        tx.expunge(row)
    findings += [
        f"request {request_id} is on the trail ({one.chain}) and not in the table"
        for request_id, one in trail.told.items()
        if request_id not in known
    ]
    findings += _check_replaced(trail.told) + await stop_evidence.check(tx) + await check_reviews(tx, trail.told)
    return findings + await check_passkeys(tx, signer)


def _check_replaced(told: Mapping[str, Told]) -> list[str]:
    """(2) Each end of an edit knows of the other."""
    forward = {(request_id, one.replaced_by) for request_id, one in told.items() if one.replaced_by}
    back = {(one.replaces, request_id) for request_id, one in told.items() if one.replaces}
    return [
        f"request {earlier} and request {later}: the trail of only one of them says that the later replaces the earlier"
        for earlier, later in sorted(forward ^ back)
    ]


async def _read_trail(tx: Transaction) -> _Trail:
    trail = _Trail()
    rows = text(
        "select chain, name, actor, payload::text, key_id is null from audit_events where name = any(:names)"
        " order by chain, seq"
    )
    async for chain, name, actor, payload_text, is_of_before in await tx.stream(
        rows, {"names": [str(step) for step in STEPS]}
    ):
        # Read here and not by PostgreSQL, which fails on some escapes that a payload may hold.
        payload = json.loads(payload_text)
        tell(trail.told, chain, name, actor, payload)
        request_id = payload.get("actionRequestId")
        match name:
            case Step.ACTION_PROPOSED if is_of_before:
                trail.of_before.add(request_id)
            case Step.VOTE_CAST:
                trail.cast.setdefault(request_id, []).append((actor, payload))
            case Step.ACTION_STARTED:
                trail.runs[request_id] = _Run(payload["idempotencyKey"])
            case Step.ACTION_EXECUTED | Step.OUTCOME_RECONCILED:
                before = trail.runs.get(request_id, _Run(""))
                trail.runs[request_id] = _Run(before.key, payload["outcome"], payload["detail"])
    return trail


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


def _check_request(row: ActionRequest, one: Told | None, counted: _Counted, cast: Sequence[Cast]) -> list[str]:
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
        people_for_it = approvers(counted.approvers, cast)
        if status in _IS_APPROVED and len(people_for_it) < one.quorum:
            whys.append(f"is {status} with {len(people_for_it)} of the {one.quorum} approvals that it needs")
        if status in _IS_APPROVED and not speak_for_all(one.distinct_groups, people_for_it):
            whys.append(f"is {status}, and not each of {', '.join(one.distinct_groups)} has an approval of its own")
        if status in (*_IS_APPROVED, RequestStatus.PENDING) and counted.is_rejected:
            whys.append(f"is {status}, and somebody rejected it")
        if status == RequestStatus.REJECTED and not counted.is_rejected:
            whys.append("is rejected, and no vote rejects it")
    elif one.verdict == Verdict.DENY and status != RequestStatus.DENIED:
        whys.append(f"is {status}, and the policy denied it")
    return whys


def _check_digest(row: ActionRequest, ticket: Ticket, digest_of: DigestOf) -> list[str]:
    """(2)"""
    try:
        digest = digest_of(row, ticket)
    except (NotCanonical, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"was changed: no digest can be taken of it ({error})"]
    return [] if digest == row.digest else ["or its ticket was changed: its digest does not follow from the rows"]


def _check_run(row: ActionRequest, run: Execution | None, said: _Run | None) -> list[str]:
    """(5)"""
    if run is None:
        return [f"is {row.status}, and there is no record of a run"] if row.status in _HAS_RUN else []
    if row.status not in _HAS_RUN:
        return [f"was run, and its status is {row.status}"]
    if said is None:
        return ["was run, and the trail does not say so"]
    return [
        f"has a run with the {what} {stored!a}, and the trail says {told!a}"
        for what, stored, told in (
            ("key", run.idempotency_key, said.key),
            ("state", run.state, said.state),
            ("detail", run.detail, said.detail),
        )
        if stored != told
    ]
