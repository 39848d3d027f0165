"""One written form for a value, and the digest over everything an approver was shown.

A request's digest is the hex SHA-256 over the line `countersign.request.v2` and the canonical JSON of one object (see
`digest_members`). The line names the kind of thing and the version of its form. Whatever changes in the form is a new
version, so that votes over the old one are votes over something else.

What lives here turns values into bytes; what the bytes mean is decided elsewhere. Nothing is normalised on the way:
two texts that merely look alike are two texts, because the approver saw one of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypedDict, Unpack

from pydantic import JsonValue

from policy.errors import NotCanonical
from policy.terms import CanonicalParams, PersonKey, RequesterKind

_DEEPEST = 64
_REQUEST_DOMAIN = b"countersign.request.v2\n"
"""Goes before the hashed bytes, so that a digest of one kind of thing can never stand for another kind."""


def canonical_json(value: JsonValue) -> bytes:
    """Write a JSON value in the one way it can be written here: sorted keys, no spaces, UTF-8.

    Follows RFC 8785 except that keys are sorted by code point and that floats, which it prints by ECMAScript's
    rules, are refused. Integers of any size are written out. Raises NotCanonical.
    """
    text = json.dumps(_plain(value, 0), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("a text holds half of a surrogate pair") from error


class RequestParts(TypedDict):
    """Everything a request's digest covers."""

    request_id: str
    action_id: str
    params: CanonicalParams
    ticket_id: str
    ticket_revision: int
    policy_version: str
    quorum: int
    expires_at: datetime
    card: JsonValue
    provenance: Mapping[str, JsonValue]
    requester_kind: RequesterKind
    requester: PersonKey | None
    proposer: PersonKey | None
    subjects: Iterable[PersonKey]
    subject_emails: Iterable[str]
    distinct_groups: Iterable[str]
    replaces: str | None
    revision: int
    editors: Iterable[PersonKey]
    break_glass: str | None


def request_digest(**parts: Unpack[RequestParts]) -> str:
    """Hex SHA-256 over what was shown and what it is judged on; what runs must have the same. Raises NotCanonical."""
    return members_digest(digest_members(**parts))


def digest_members(**parts: Unpack[RequestParts]) -> dict[str, JsonValue]:
    """The object that is hashed. Raises NotCanonical.

    It has these members, each as it is stored: `request`, `action`, `params`, `provenance` (by parameter: where its
    value was found, with the evidence), `ticket`, `ticket_revision`, `policy_version`, `quorum`, `expires_at` (UTC,
    microseconds), `card` (the substance of the approval card as rendered), `requester_kind`, `requester` and `proposer`
    (null or [home, user id]), `subjects` (a sorted list of such pairs) and `subject_emails` (sorted);
    `distinct_groups` (sorted) where approvals must come from different groups; of an edited request `replaces` (the
    id of the earlier one), `revision` and `editors` (sorted pairs: who had a part in what it replaces); and of a
    break-glass request `break_glass`, its reason. From `requester_kind` on they are not for reading: an edit of those
    rows would make an excluded person eligible, an unknown human a known one, two people of one group enough, or an
    emergency of what is none, and so it voids the votes.
    """
    requester, proposer = parts["requester"], parts["proposer"]
    members: dict[str, JsonValue] = {
        "request": parts["request_id"],
        "action": parts["action_id"],
        "params": dict(parts["params"]),
        "ticket": parts["ticket_id"],
        "ticket_revision": parts["ticket_revision"],
        "policy_version": parts["policy_version"],
        "quorum": parts["quorum"],
        "expires_at": utc_text(parts["expires_at"]),
        "card": parts["card"],
        "provenance": dict(parts["provenance"]),
        "requester_kind": parts["requester_kind"].value,
        "requester": None if requester is None else _pair(requester),
        "proposer": None if proposer is None else _pair(proposer),
        "subjects": [_pair(key) for key in sorted(set(parts["subjects"]))],
        "subject_emails": [*sorted(set(parts["subject_emails"]))],
    }
    if groups := sorted(set(parts["distinct_groups"])):
        members["distinct_groups"] = [*groups]
    if parts["replaces"] is not None:
        members["replaces"] = parts["replaces"]
    if parts["revision"] != 1:
        members["revision"] = parts["revision"]
    if editors := sorted(set(parts["editors"])):
        members["editors"] = [_pair(key) for key in editors]
    if parts["break_glass"] is not None:
        members["break_glass"] = parts["break_glass"]
    return members


def members_digest(members: Mapping[str, JsonValue]) -> str:
    """The digest of such an object. Raises NotCanonical."""
    return hashlib.sha256(_REQUEST_DOMAIN + canonical_json(dict(members))).hexdigest()


def utc_text(moment: datetime) -> str:
    """A moment as text in UTC with microseconds, the same whichever zone it was read back in. Raises NotCanonical."""
    if moment.tzinfo is None:
        raise NotCanonical(f"a moment without a time zone: {moment!r}")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _pair(key: PersonKey) -> JsonValue:
    # Two fields and not "home/user": a slash inside one of them must not make two people look the same.
    return [key.home, key.user_id]


def _plain(value: object, depth: int) -> JsonValue:
    """The same value built of plain dicts, lists, strings, ints, bools and None. Raises NotCanonical for the rest."""
    if depth > _DEEPEST:
        raise NotCanonical(f"nested deeper than {_DEEPEST} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {_key(name): _plain(item, depth + 1) for name, item in value.items()}
    raise NotCanonical(f"no exact written form for {type(value).__name__}")


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise NotCanonical(f"a key that is not text: {name!r}")
    return str(name)
