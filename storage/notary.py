"""The desk's notary: signs with Ed25519 (RFC 8032), so that whoever has the public key can check, and nobody else sign.

What is signed begins with a line that names the kind of thing, so that a signature of one kind never stands for
another. Public keys and signatures are hexadecimal text.
"""

from __future__ import annotations

import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import JsonValue

from policy.digest import canonical_json
from policy.errors import NotCanonical

_PUBLIC_KEY = re.compile(r"^[0-9a-f]{64}$")


class Notary:
    """Holds the private key: 32 bytes. Raises ValueError for another length."""

    def __init__(self, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public_key = self._key.public_key().public_bytes_raw().hex()

    def sign(self, kind: str, value: JsonValue) -> str:
        """The signature over a value of this kind, in its canonical form. Raises NotCanonical."""
        return self._key.sign(_signed(kind, value)).hex()


def is_public_key(text: str) -> bool:
    """Whether this is a public key as `Notary.public_key` writes it."""
    return bool(_PUBLIC_KEY.match(text))


def is_signed(public_key: str, kind: str, value: JsonValue, signature: str) -> bool:
    """Whether the holder of this key signed the value as one of this kind. Never raises."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            bytes.fromhex(signature), _signed(kind, value)
        )
    except (InvalidSignature, NotCanonical, ValueError):
        return False
    return True


def _signed(kind: str, value: JsonValue) -> bytes:
    return f"countersign.{kind}.v1\n".encode() + canonical_json(value)
