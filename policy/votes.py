"""Votes: signing one, verifying one, and adding them up.

A vote is evidence, so it is signed with a key that is not in the database: a row that somebody wrote into the
table counts for nothing. Whether the voter was allowed to vote is not asked here but in `policy.gate`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from policy.digest import canonical_json, utc_text
from policy.errors import NotCanonical, SigningKeyMissing
from policy.terms import Choice, Tally, Vote

_VOTE_DOMAIN = b"countersign.vote.v1\n"
_KEY_ID_DOMAIN = b"countersign.vote-key.v1\n"
_SHORTEST_KEY_BYTES = 32
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

    def knows(self, key_id: str) -> bool:
        """Whether a signature under a key of this name can be checked at all."""
        return bool(self._secrets(key_id))

    def _secrets(self, key_id: str) -> list[bytes]:
        """The keys that may have signed under this id."""
        if key_id == UNNAMED_KEY_ID and key_id not in self._keys:
            return list(self._keys.values())
        return [self._keys[key_id]] if key_id in self._keys else []


def tally(votes: Sequence[Vote], quorum: int) -> Tally:
    """Add up the votes of one request; one rejection is final. Raises ValueError for a quorum below one."""
    if quorum < 1:
        raise ValueError("votes can only be added up for a request that needs some")
    if any(vote.choice is Choice.REJECT for vote in votes):
        return Tally.REJECTED
    # By person, not by row: pressing the button twice must not look like a second pair of eyes.
    approvers = {vote.voter for vote in votes if vote.choice is Choice.APPROVE}
    return Tally.APPROVED if len(approvers) >= quorum else Tally.PENDING


def _mac(secret: bytes, vote: Vote) -> str:
    body = canonical_json(
        {
            "request": vote.request_id,
            "voter": [vote.voter.home, vote.voter.user_id],
            "choice": vote.choice.value,
            "digest": vote.digest,
            "cast_at": utc_text(vote.cast_at),
            "slack_request": vote.slack_request_id,
            "reason": vote.reason,
            "key": vote.key_id,
        }
    )
    return hmac.new(secret, _VOTE_DOMAIN + body, hashlib.sha256).hexdigest()
