"""The keys of every test's desk."""

from __future__ import annotations

from storage.audit_keys import AuditKeys

VOTE_KEY = "5a" * 32
AUDIT_KEY = "a7" * 32
CHECKPOINT_KEY = "c3" * 32
AUDIT_KEYS = AuditKeys(bytes.fromhex(AUDIT_KEY))
KEY_SETTINGS = {
    "COUNTERSIGN_VOTE_KEY": VOTE_KEY,
    "COUNTERSIGN_AUDIT_KEY": AUDIT_KEY,
    "COUNTERSIGN_CHECKPOINT_KEY": CHECKPOINT_KEY,
}
"""For whatever is started with a database of its own."""
