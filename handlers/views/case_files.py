"""What is said where a case's packet is handed over: to whom, the exact text that was approved, and how to check it."""

from __future__ import annotations

from handlers.views.blocks import TEXT_LENGTH, context, header, line, plain, rich, say
from handlers.views.plain import escape_markup
from handlers.views.rendered import Rendered

MARKDOWN_FILE, PACKET_FILE = "handoff.md", "handoff.json"


def handed_over(ticket_number: int, recipient: str, text: str, packet_sha256: str) -> Rendered:
    """To our own people: the handoff word for word, with no markup coming alive."""
    title = f"Case of ticket #{ticket_number}, handed over to {recipient}"
    parts = [text[at : at + TEXT_LENGTH] for at in range(0, len(text), TEXT_LENGTH)]
    return Rendered(
        escape_markup(f"{title}\n{text}"),
        (
            header(title),
            *(rich(line(say(part))) for part in parts),
            context(plain(f"{PACKET_FILE} is signed; its SHA-256 is {packet_sha256}. {MARKDOWN_FILE} is for reading.")),
        ),
    )
