"""Passkeys as the gate is handed them, and the seal that makes one count.

A row that says 'approved' is no more evidence than one that says so of a request: whoever may write to the database
could put a passkey of their own there. So the approval of a passkey is sealed with the key that signs votes, over its
owner and its public key, and a passkey without a seal that holds confirms nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from policy.digest import canonical_json
from policy.terms import PersonKey
from policy.votes import VoteSigner

_SEAL_DOMAIN = b"countersign.passkey.v1\n"


class PasskeyState(StrEnum):
    """Where a passkey stands. It is approved once, by a second person, and a revoked one stays revoked."""

    WAITING = "waiting"
    APPROVED = "approved"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Site:
    """Where our pages are, as a browser names it: a passkey made for one site says nothing on another."""

    origin: str
    """For example 'https://desk.example.com'."""
    rp_id: str
    """The relying party's id: the host of the origin."""


@dataclass(frozen=True)
class Passkey:
    """Somebody's passkey, as stored."""

    passkey_id: str
    owner: PersonKey
    credential_id: bytes
    public_key: bytes
    """COSE, as the authenticator gave it."""
    state: PasskeyState
    sign_count: int = 0
    """The highest that the authenticator named; 0 where it does not count."""
    approved_by: str = ""
    """PersonKey text, or 'operator:' and the operator's account on the machine."""
    seal: str = ""
    """Hex HMAC-SHA-256 over all of the above but state and count; '' until it is approved."""
    seal_key_id: str = ""

    @property
    def fingerprint(self) -> str:
        """What its owner and the person who approves it read to each other."""
        digits = hashlib.sha256(self.credential_id + self.public_key).hexdigest()[:12]
        return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def sealed(passkey: Passkey, signer: VoteSigner, *, approved_by: str) -> Passkey:
    """The same passkey, approved."""
    approved = replace(passkey, state=PasskeyState.APPROVED, approved_by=approved_by)
    key_id, seal = signer.seal(_SEAL_DOMAIN, _body(approved))
    return replace(approved, seal=seal, seal_key_id=key_id)


def is_sealed(passkey: Passkey, signer: VoteSigner) -> bool:
    """Whether the approval of this very passkey was written by this desk."""
    return signer.holds(_SEAL_DOMAIN, _body(passkey), passkey.seal, passkey.seal_key_id)


def _body(passkey: Passkey) -> bytes:
    return canonical_json(
        {
            "passkey": passkey.passkey_id,
            "owner": [passkey.owner.home, passkey.owner.user_id],
            "credential": passkey.credential_id.hex(),
            "public_key": passkey.public_key.hex(),
            "approved_by": passkey.approved_by,
        }
    )
