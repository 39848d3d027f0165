"""Our pages in the browser: confirming a vote with a passkey, enrolling one, and that a link leads nowhere.

Facts in, HTML out. No script stands in a page; what it needs is in attributes.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any

from handlers.views.blocks import Block, utc
from handlers.views.html import Names, blocks_html
from handlers.views.plain import one_line

_NAME_LENGTH = 80


def confirmation_page(
    *,
    person_label: str,
    title: str,
    ticket_number: int,
    quorum: int,
    digest: str,
    card: tuple[Block, ...],
    names: Names,
    expires_at: datetime,
    options: Mapping[str, Any],
) -> str:
    """What the card shows, and one button."""
    once = "It runs at once." if quorum <= 1 else f"It runs as soon as {quorum} different people have approved."
    who = escape(one_line(person_label, _NAME_LENGTH))
    return _page(
        "Confirm your approval",
        f"""
<p class="lead">You, <strong>{who}</strong>, are about to approve <strong>{escape(title)}</strong> on ticket
#{ticket_number}. Nothing has counted so far. {escape(once)}</p>
<section class="card" aria-label="What you approve">
{blocks_html(card, names)}
<p class="small">Fingerprint <code>{escape(digest[:12])}</code>: what is shown above is what runs, or nothing does.</p>
</section>
{_act("Approve with your passkey", "get", options, expires_at)}
<p class="small">Not yours, or not right? Close this page, and press Reject on the card in Slack.</p>""",
    )


def enrolment_page(*, person_label: str, expires_at: datetime, options: Mapping[str, Any]) -> str:
    """What a passkey is for here, and one button."""
    who = escape(one_line(person_label, _NAME_LENGTH))
    return _page(
        "Enrol a passkey",
        f"""
<p class="lead">You, <strong>{who}</strong>, are about to enrol a passkey at this desk.</p>
<section class="card" aria-label="What happens">
<h2>What it is for</h2>
<p>Approving what can do the most harm takes more than a click in Slack: you confirm it with your passkey, on a page
like this one.</p>
<h2>What happens next</h2>
<ol>
<li>Your browser asks for your fingerprint, face, PIN or security key, and makes the passkey. We get its public half.
</li>
<li>This page shows you a code of twelve characters.</li>
<li>Somebody else of the security group approves it in Slack, and asks you for that code first. Until then it
counts for nothing.</li>
</ol>
</section>
{_act("Enrol this passkey", "create", options, expires_at)}
<p class="small">You did not ask for this? Close this page and tell your security group.</p>""",
    )


def gone_page(words: str) -> str:
    """A link that holds no more, or never did."""
    return _page("Nothing to do here", f'<p class="lead">{escape(words)}</p>')


def _act(label: str, ceremony: str, options: Mapping[str, Any], expires_at: datetime) -> str:
    return f"""<div id="act" data-ceremony="{ceremony}" data-options="{escape(json.dumps(options))}">
<button type="button" id="go">{escape(label)}</button>
<p class="small">This link works once, until {escape(utc(expires_at))}.</p>
</div>
<p id="said" role="status" aria-live="polite" tabindex="-1"></p>
<noscript><p class="said bad">Passkeys need JavaScript, which is turned off here.</p></noscript>"""


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · Countersign</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/passkeys/page.css">
<script src="/passkeys/page.js" defer></script>
</head>
<body>
<main>
<p class="brand">Countersign</p>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""


def b64url(found: bytes) -> str:
    """Bytes as WebAuthn's JSON has them."""
    return urlsafe_b64encode(found).rstrip(b"=").decode()
