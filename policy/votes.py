"""Votes: signing one, verifying one, and adding them up.

A vote is evidence, so it is signed with a key that is not in the database: a row that somebody wrote into the
table counts for nothing. Whether the voter was allowed to vote is not asked here but in `policy.gate`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from pydantic import JsonValue

from policy.digest import canonical_json, utc_text
from policy.errors import NotCanonical, SigningKeyMissing
from policy.terms import Choice, PersonKey, Tally, Vote

_VOTE_DOMAIN = b"countersign.vote.v1\n"
_KEY_ID_DOMAIN = b"countersign.vote-key.v1\n"
_SHORTEST_KEY_BYTES = 32
NOBODY: Mapping[PersonKey, Collection[str]] = MappingProxyType({})
NO_OTHER_NAMES: Mapping[PersonKey, str] = MappingProxyType({})
UNNAMED_KEY_ID = "v1"
"""What every key was called before keys had ids of their own: any known key may have signed under it."""


def vote_key_id(secret: bytes) -> str:
    """The name of a key: it follows from the key, so that two processes with one key call it the same."""
    return hashlib.sha256(_KEY_ID_DOMAIN + secret).hexdigest()[:8]


class VoteSigner:
    """Signs with the current key and verifies with any known one, so that keys can be rotated.

    `keys` maps a key's id to its secret bytes (32 or more). An old key stays in `keys`, no longer current, until
    the last request voted on under it has ended. Raises SigningKeyMissing.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        if current not in keys:
            raise SigningKeyMissing(f"the current vote key {current!r} is not among the given keys")
        for key_id, secret in keys.items():
            if len(secret) < _SHORTEST_KEY_BYTES:
                raise SigningKeyMissing(f"vote key {key_id!r} is shorter than {_SHORTEST_KEY_BYTES} bytes")
        self._keys = dict(keys)
        self._current = current

    @classmethod
    def of_secrets(cls, current: bytes, old: Iterable[bytes] = ()) -> VoteSigner:
        """A signer whose keys are named after their secrets; only `current` signs. Raises SigningKeyMissing."""
        return cls({vote_key_id(secret): secret for secret in (*old, current)}, vote_key_id(current))

    def sign(self, vote: Vote) -> Vote:
        """The same vote with the current key's signature on it. Raises NotCanonical."""
        named = replace(vote, key_id=self._current, signature="")
        return replace(named, signature=_mac(self._keys[self._current], named))

    def verify(self, vote: Vote) -> bool:
        """Whether every field of the vote is as it was signed. Never raises."""
        try:
            expected = [_mac(secret, vote) for secret in self._secrets(vote.key_id)]
        except NotCanonical:
            return False
        # Compared as bytes: compare_digest refuses non-ASCII text by raising, and a signature is anybody's text.
        given = vote.signature.encode(errors="replace")
        return any(hmac.compare_digest(one.encode(), given) for one in expected)

    def seal(self, domain: bytes, body: bytes) -> tuple[str, str]:
        """The current key's id, and its seal on something that is not a vote. `domain` keeps kinds of things apart."""
        return self._current, _seal(self._keys[self._current], domain, body)

    def holds(self, domain: bytes, body: bytes, seal: str, key_id: str) -> bool:
        """Whether this was sealed with a key of that name. Never raises."""
        given = seal.encode(errors="replace")
        secrets = [self._keys[key_id]] if key_id in self._keys else []
        return any(hmac.compare_digest(_seal(secret, domain, body).encode(), given) for secret in secrets)

    def is_current(self, key_id: str) -> bool:
        """Whether this is the key that signs."""
        return key_id == self._current

    def knows(self, key_id: str) -> bool:
        """Whether a signature under a key of this name can be checked at all."""
        return bool(self._secrets(key_id))

    def _secrets(self, key_id: str) -> list[bytes]:
        """The keys that may have signed under this id."""
        if key_id == UNNAMED_KEY_ID and key_id not in self._keys:
            return list(self._keys.values())
        return [self._keys[key_id]] if key_id in self._keys else []


def tally(
    votes: Sequence[Vote],
    quorum: int,
    distinct_groups: Collection[str] = (),
    groups_of: Mapping[PersonKey, Collection[str]] = NOBODY,
    humans: Mapping[PersonKey, str] = NO_OTHER_NAMES,
) -> Tally:
    """Add up the votes of one request; one rejection is final. Raises ValueError for a quorum below one.

    `distinct_groups`: of each of them one approval must come, each from another person. `groups_of`: who is in which
    groups; whoever is not in it is in none. `humans` names the human behind each account (`policy.one_person`); an
    account it leaves out is somebody's own.
    """
    if quorum < 1:
        raise ValueError("votes can only be added up for a request that needs some")
    if any(vote.choice is Choice.REJECT for vote in votes):
        return Tally.REJECTED
    # By human, not by row or account: pressing twice, or once with each account, is not a second pair of eyes.
    approvers = by_human([vote.voter for vote in votes if vote.choice is Choice.APPROVE], groups_of, humans)
    is_enough = len(approvers) >= quorum and speak_for_all(distinct_groups, approvers)
    return Tally.APPROVED if is_enough else Tally.PENDING


def by_human(
    accounts: Iterable[PersonKey], groups_of: Mapping[PersonKey, Collection[str]], humans: Mapping[PersonKey, str]
) -> Mapping[str, frozenset[str]]:
    """The humans behind the accounts, each with the groups that any of these accounts is in."""
    found: dict[str, frozenset[str]] = {}
    for key in accounts:
        name = humans.get(key) or key.user_id
        found[name] = found.get(name, frozenset()) | frozenset(groups_of.get(key, ()))
    return found


def speak_for_all(groups: Collection[str], groups_of: Mapping[str, Collection[str]]) -> bool:
    """Whether each group can be given a member of its own among the humans of `groups_of`, which says who is in what.

    A person in two of the groups speaks for one of them, for whichever it takes: giving them to the first that comes
    would leave the other without anybody where a third person could have taken the first. So whoever was given away is
    asked to move on where they can (Kuhn's augmenting paths for a bipartite matching).
    """
    speaker: dict[str, str] = {}

    def find_one(group: str, tried: set[str]) -> bool:
        for person in sorted(groups_of):
            if group not in groups_of[person] or person in tried:
                continue
            tried.add(person)
            taken_by = next((other for other, one in speaker.items() if one == person), None)
            if taken_by is None or find_one(taken_by, tried):
                speaker[group] = person
                return True
        return False

    return all(find_one(group, set()) for group in sorted(set(groups)))


def _mac(secret: bytes, vote: Vote) -> str:
    members: dict[str, JsonValue] = {
        "request": vote.request_id,
        "voter": [vote.voter.home, vote.voter.user_id],
        "choice": vote.choice.value,
        "digest": vote.digest,
        "cast_at": utc_text(vote.cast_at),
        "slack_request": vote.slack_request_id,
        "reason": vote.reason,
        "key": vote.key_id,
    }
    if (assertion := vote.assertion) is not None:
        members["assertion"] = [
            assertion.link,
            assertion.credential_id.hex(),
            assertion.client_data.hex(),
            assertion.authenticator_data.hex(),
            assertion.signature.hex(),
        ]
    return _seal(secret, _VOTE_DOMAIN, canonical_json(members))


def _seal(secret: bytes, domain: bytes, body: bytes) -> str:
    return hmac.new(secret, domain + body, hashlib.sha256).hexdigest()
