"""A decision receipt: everything about one decision in one JSON file that a third party checks with a public key alone.

Votes and the trail's rows are signed with secret keys, which nobody else can check. So the desk checks them when it
draws the receipt, and its own signature (Ed25519, over the canonical JSON of all but the signature) covers that
statement together with everything it was made of. Pure: what is here reads no database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pydantic import JsonValue

from policy.digest import members_digest
from policy.errors import NotCanonical
from policy.terms import Choice, RequestStatus, Verdict
from policy.votes import speak_for_all
from storage import checkpoints, merkle
from storage.approvers import approvers
from storage.audit import Step
from storage.notary import Notary, is_signed
from storage.told import Told, tell

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


def summary(members: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> dict[str, JsonValue]:
    """What a receipt says of the request: nothing but what the digest's members and the trail's events say.

    Raises KeyError, TypeError or ValueError where they are not those of a request.
    """
    proposed, decided = _only(events, Step.ACTION_PROPOSED), _only(events, Step.POLICY_DECIDED)
    told, last = _told(events), decided
    for number, event in enumerate(events):
        if _told(events[:number]).status != _told(events[: number + 1]).status:
            last = event
    return {
        "id": proposed["payload"]["actionRequestId"],
        "action": proposed["payload"]["actionId"],
        "proposer": proposed["actor"],
        "digest": proposed["payload"]["digest"],
        "createdAt": proposed["at"],
        "expiresAt": members["expires_at"],
        "policyVersion": decided["payload"]["policyVersion"],
        "verdict": decided["payload"]["verdict"],
        "verdictReason": decided["payload"]["reason"],
        "policyIds": decided["payload"]["policyIds"],
        "quorum": decided["payload"]["quorum"],
        "status": told.status,
        "since": last["at"],
        "outcome": last["payload"].get("summary", last["payload"].get("reason", "")),
    }


def _only(events: Sequence[Mapping[str, Any]], step: Step) -> Mapping[str, Any]:
    [found] = [event for event in events if event["name"] == step]
    return found


def _told(events: Sequence[Mapping[str, Any]]) -> Told:
    told: dict[str, Told] = {}
    for event in events:
        tell(told, "", event["name"], event["actor"], event["payload"])
    return next(iter(told.values()), Told(""))


def check(receipt: Any, public_keys: Collection[str]) -> list[str]:
    """What does not hold of a receipt, in words; empty if all of it does. Never raises.

    1  it is a receipt, signed with one of these keys
    2  its digest follows from what the approvers were shown, which is what the trail says was proposed and decided
    3  what it says of the request is what these and the events say
    4  the trail's events of it are all of this request, follow each other, and are steps that a request can take
    5  the votes are on that digest, those of the trail, and carry the status
    6  the checkpoint, if there is one, is signed and holds the ticket's chain at or beyond the last of these events
    """
    try:
        unsigned = {name: value for name, value in receipt.items() if name != "signature"}
        if receipt["form"] != FORM or receipt["statement"] != STATEMENT or receipt["key"] not in public_keys:
            return ["it is no receipt that was signed with the given key"]
        if not is_signed(receipt["key"], KIND, unsigned, receipt["signature"]):
            return ["it is forged or was changed: its signature does not fit"]
        return [
            *_check_shown(receipt),
            *_check_request(receipt),
            *_check_events(receipt),
            *_check_votes(receipt),
            *_check_checkpoint(receipt, public_keys),
        ]
    except (AttributeError, KeyError, TypeError, ValueError, NotCanonical):
        return ["it is not a receipt"]


def _check_shown(receipt: Any) -> list[str]:
    """(2)"""
    members, events = receipt["digestMembers"], receipt["events"]
    proposed, decided = _only(events, Step.ACTION_PROPOSED), _only(events, Step.POLICY_DECIDED)["payload"]
    if members_digest(members) != proposed["payload"]["digest"]:
        return ["its digest is not that of what the approvers were shown"]
    proposer = None if members["proposer"] is None else "/".join(members["proposer"])
    pairs = (
        ("request", members["request"], proposed["payload"]["actionRequestId"]),
        ("action", members["action"], proposed["payload"]["actionId"]),
        ("params", members["params"], proposed["payload"]["params"]),
        ("proposer", proposer, None if proposed["actor"].startswith("agent:") else proposed["actor"]),
        ("policy version", members["policy_version"], decided["policyVersion"]),
        ("quorum", members["quorum"], decided["quorum"]),
        ("groups that must approve", members.get("distinct_groups", []), sorted(decided.get("distinctGroups", []))),
        ("chain", f"ticket:{members['ticket']}", receipt["chain"]),
    )
    return [
        f"what the approvers were shown has another {what} than the trail" for what, one, other in pairs if one != other
    ]


def _check_request(receipt: Any) -> list[str]:
    """(3)"""
    said = summary(receipt["digestMembers"], receipt["events"])
    wrong = sorted(name for name in {*said, *receipt["request"]} if said.get(name) != receipt["request"].get(name))
    return [f"its {name} is not what the trail says" for name in wrong]


def _check_events(receipt: Any) -> list[str]:
    """(4)"""
    events = receipt["events"]
    for before, event in pairwise(events):
        if event["seq"] <= before["seq"]:
            return ["its events are not in order"]
        if event["seq"] == before["seq"] + 1 and event["prevHash"] != before["hash"]:
            return [f"event {event['seq']} does not follow from the one before it"]
    if any(event["payload"]["actionRequestId"] != receipt["request"]["id"] for event in events):
        return ["an event is about another request"]
    illegal = _told(events).illegal
    return [f"it has a step that cannot be: {illegal}"] if illegal else []


def _check_votes(receipt: Any) -> list[str]:
    """(5)"""
    request, votes, told = receipt["request"], receipt["votes"], _told(receipt["events"])
    if any(vote["digest"] != request["digest"] for vote in votes):
        return ["a vote is on another digest"]
    cast = [event for event in receipt["events"] if event["name"] == Step.VOTE_CAST]
    if sorted(map(_as_cast, cast)) != sorted(map(_as_counted, votes)):
        return ["its votes are not those of the trail"]
    is_rejected = any(vote["choice"] == Choice.REJECT for vote in votes)
    status, verdict = request["status"], request["verdict"]
    if status == RequestStatus.REJECTED and not is_rejected:
        return ["it is rejected, and no vote rejects it"]
    if status not in _NEEDS_QUORUM or verdict == Verdict.ALLOW:
        return []
    accounts = [vote["voter"] for vote in votes if vote["choice"] == Choice.APPROVE]
    people = approvers(accounts, [(event["actor"], event["payload"]) for event in cast])
    if verdict != Verdict.NEEDS_APPROVAL or is_rejected or len(people) < max(request["quorum"], 1):
        return [f"it is {status}, and its votes do not carry that"]
    if not speak_for_all(told.distinct_groups, people):
        return [f"it is {status}, and not each group that must has approved it"]
    return []


def _as_cast(event: Any) -> tuple[str, ...]:
    payload = event["payload"]
    return event["actor"], event["at"], *(payload[name] for name in ("choice", "digest", "reason", "slackRequestId"))


def _as_counted(vote: Any) -> tuple[str, ...]:
    return vote["voter"], vote["castAt"], *(vote[name] for name in ("choice", "digest", "reason", "slackRequestId"))


def _check_checkpoint(receipt: Any, public_keys: Collection[str]) -> list[str]:
    """(6)"""
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
