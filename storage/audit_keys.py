"""The keys of the audit trail: secrets outside the database, under which every row of the trail is hashed.

Who can write to the database can make rows, but no row that follows from the others without one of these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_KEY_ID_DOMAIN = b"countersign.audit-key.v1\n"
_SHORTEST_KEY_BYTES = 32


class AuditKeyMissing(Exception):
    """There is no key to hash a row under, so it is not written: a row that anybody could have made proves nothing."""


def audit_key_id(secret: bytes) -> str:
    """The name of a key, stored beside each row: it follows from the key and does not give it away."""
    return hashlib.sha256(_KEY_ID_DOMAIN + secret).hexdigest()[:8]


class AuditKeys:
    """The key that hashes new rows, and those that hashed earlier ones, newest first.

    Raises AuditKeyMissing for a short one.
    """

    def __init__(self, current: bytes, old: Sequence[bytes] = ()) -> None:
        secrets = list(dict.fromkeys([current, *old]))
        if any(len(secret) < _SHORTEST_KEY_BYTES for secret in secrets):
            raise AuditKeyMissing(f"an audit key is shorter than {_SHORTEST_KEY_BYTES} bytes")
        self._secrets = {audit_key_id(secret): secret for secret in secrets}
        self._newest_first = list(self._secrets)
        self.current_id = self._newest_first[0]

    def secret(self, key_id: str) -> bytes | None:
        """The key of this name; None if it is not known here."""
        return self._secrets.get(key_id)

    def older(self, key_id: str) -> Sequence[str]:
        """The keys that this one took the place of: none of them hashes a row from then on. Raises ValueError."""
        return self._newest_first[self._newest_first.index(key_id) + 1 :]
