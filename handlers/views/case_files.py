"""What is said beside the files of a case's packet: to whom it goes, and how to check it."""

from __future__ import annotations

TEXT_FILE, MARKDOWN_FILE, PACKET_FILE = "approved.txt", "handoff.md", "handoff.json"
"""The words that were approved; everything about the case, to read; and the same, signed."""


def handed_over(ticket_number: int, recipient: str, packet_sha256: str) -> str:
    """To our own people."""
    return (
        f"Case of ticket #{ticket_number}, handed over to {recipient}. {TEXT_FILE} has the words that were approved, "
        f"{MARKDOWN_FILE} the whole packet to read, {PACKET_FILE} the same signed (SHA-256 {packet_sha256}): "
        f"countersign audit check-handoff verifies it."
    )
