"""A decision receipt: everything about one decision in one JSON file that a third party checks with a public key alone.

Votes and the trail's rows are signed with secret keys, which nobody else can check. So the desk checks them when it
draws the receipt, and its own signature (Ed25519, over the canonical JSON of all but the signature) covers that
statement together with everything it was made of. Pure: what is here reads no database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any

from pydantic import JsonValue

from policy.digest import members_digest
from policy.errors import NotCanonical
from policy.terms import Choice, RequestStatus, Verdict
from policy.votes import speak_for_all
from storage import checkpoints, merkle
from storage.notary import Notary, is_signed

KIND = "receipt"
FORM = "countersign.receipt.v1"
STATEMENT = (
    "When this receipt was issued, the desk verified the audit trail, the signature of each of these votes, and that"
    " the request's status is what they and the trail carry."
)
_NEEDS_QUORUM = frozenset(
    {
        RequestStatus.APPROVED,
        RequestStatus.RUNNING,
        RequestStatus.EXECUTED,
        RequestStatus.FAILED,
        RequestStatus.UNKNOWN,
    }
)


def issue(notary: Notary, content: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The receipt with this content, signed. Raises NotCanonical."""
    unsigned: dict[str, JsonValue] = {"form": FORM, "statement": STATEMENT, "key": notary.public_key, **content}
    return {**unsigned, "signature": notary.sign(KIND, unsigned)}


def check(receipt: Any, public_keys: Collection[str]) -> list[str]:
    """What does not hold of a receipt, in words; empty if all of it does. Never raises.

    1  it is a receipt, signed with one of these keys
    2  its digest follows from what the approvers were shown
    3  the votes are on that digest, and carry the status
    4  the trail's events of it follow each other, and tell of the same request, digest and votes
    5  the checkpoint, if there is one, is signed and holds the ticket's chain at or beyond the last of these events
    """
    try:
        unsigned = {name: value for name, value in receipt.items() if name != "signature"}
        if receipt["form"] != FORM or receipt["key"] not in public_keys:
            return ["it is no receipt that was signed with the given key"]
        if not is_signed(receipt["key"], KIND, unsigned, receipt["signature"]):
            return ["it is forged or was changed: its signature does not fit"]
        return [
            *_check_digest(receipt),
            *_check_votes(receipt),
            *_check_events(receipt),
            *_check_checkpoint(receipt, public_keys),
        ]
    except (AttributeError, KeyError, TypeError, ValueError, NotCanonical):
        return ["it is not a receipt"]


def _check_digest(receipt: Any) -> list[str]:
    """(2)"""
    request, members = receipt["request"], receipt["digestMembers"]
    if members_digest(members) != request["digest"]:
        return ["its digest is not that of what the approvers were shown"]
    if members["request"] != request["id"] or members["quorum"] != request["quorum"]:
        return ["what the approvers were shown is another request"]
    return []


def _check_votes(receipt: Any) -> list[str]:
    """(3)"""
    request, votes = receipt["request"], receipt["votes"]
    if any(vote["digest"] != request["digest"] for vote in votes):
        return ["a vote is on another digest"]
    approvers = {vote["voter"] for vote in votes if vote["choice"] == Choice.APPROVE}
    is_rejected = any(vote["choice"] == Choice.REJECT for vote in votes)
    status, verdict = request["status"], request["verdict"]
    if status == RequestStatus.REJECTED and not is_rejected:
        return ["it is rejected, and no vote rejects it"]
    if status not in _NEEDS_QUORUM or verdict == Verdict.ALLOW:
        return []
    if verdict != Verdict.NEEDS_APPROVAL or is_rejected or len(approvers) < max(request["quorum"], 1):
        return [f"it is {status}, and its votes do not carry that"]
    groups_of = {
        event["actor"]: event["payload"].get("voter", {}).get("groups", ())
        for event in receipt["events"]
        if event["name"] == "vote_cast"
    }
    approvers_groups = {voter: groups_of.get(voter, ()) for voter in approvers}
    if not speak_for_all(receipt["digestMembers"].get("distinct_groups", ()), approvers_groups):
        return [f"it is {status}, and not each group that must has approved it"]
    return []


def _check_events(receipt: Any) -> list[str]:
    """(4)"""
    request, events = receipt["request"], receipt["events"]
    for before, event in pairwise(events):
        if event["seq"] <= before["seq"]:
            return ["its events are not in order"]
        if event["seq"] == before["seq"] + 1 and event["prevHash"] != before["hash"]:
            return [f"event {event['seq']} does not follow from the one before it"]
    told = {
        (event["actor"], event["payload"]["choice"], event["payload"]["digest"])
        for event in events
        if event["name"] == "vote_cast"
    }
    if told != {(vote["voter"], vote["choice"], vote["digest"]) for vote in receipt["votes"]}:
        return ["its votes are not those of the trail"]
    proposed = [event["payload"]["digest"] for event in events if event["name"] == "action_proposed"]
    return [] if proposed == [request["digest"]] else ["the trail tells of another digest"]


def _check_checkpoint(receipt: Any, public_keys: Collection[str]) -> list[str]:
    """(5)"""
    found = receipt["checkpoint"]
    if found is None:
        return []
    head, (chain, length, last_hash) = found["head"], found["entry"]
    if head["key"] not in public_keys or not is_signed(head["key"], checkpoints.KIND, head, found["signature"]):
        return ["its checkpoint is not signed with the given key"]
    proof = [bytes.fromhex(one) for one in found["proof"]]
    entry = checkpoints.entry(chain, length, last_hash)
    if not merkle.is_included(entry, found["index"], head["size"], proof, bytes.fromhex(head["root"])):
        return ["its checkpoint does not hold the ticket's chain"]
    last = receipt["events"][-1]
    if chain != receipt["chain"] or length < last["seq"] or (length == last["seq"] and last_hash != last["hash"]):
        return ["its checkpoint is not of these events"]
    return []
