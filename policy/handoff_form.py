"""The form of a handoff packet: what its JSON must have, for whoever writes one, signs one and checks one."""

from __future__ import annotations

KIND = "handoff"
"""What the desk's notary signs it as."""
FORM = "countersign.handoff.v1"
"""The format and its version; whatever changes in the members is a new version."""

CONTENT = frozenset(
    {
        "case",
        "ticket",
        "audience",
        "title",
        "madeAt",
        "madeBy",
        "facts",
        "unconfirmed",
        "questions",
        "conflicts",
        "dissent",
        "nextActions",
        "evidence",
        "timeline",
        "undated",
        "approvals",
        "latch",
        "statedEmpty",
        "completeness",
    }
)
"""What a packet says."""
SEAL = frozenset({"form", "statement", "key", "markdownSha256", "signature"})
"""What is added when it is signed."""
