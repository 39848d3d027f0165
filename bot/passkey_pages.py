"""The pages for passkeys, over HTTP: GET shows, and only a POST from the page itself, with what a passkey signed, does.

    1  a POST is JSON, small, and says that it comes from our own origin; nothing of a cookie or a form is ever read
    2  one address asks a limited number of times a minute, and one link is tried a limited number of times
    3  whether it holds, and whether it counts, is the flows' and the gate's to say

Every answer forbids being framed, stored or referred from, and its page may load nothing that is not ours.
"""

from __future__ import annotations

import logging
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from handlers.desk import Desk
from handlers.errors import HandlingError, IdentityUnavailable
from handlers.flows.confirm_vote import PasskeyAnswer, confirm_vote, read_confirmation
from handlers.flows.enrol_passkey import enrol_passkey, read_enrolment
from handlers.views.passkey_pages import b64url, confirmation_page, enrolment_page, gone_page
from policy.passkeys import Site
from storage.database import DatabaseUnavailable

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "page"
MAX_BODY_BYTES = 16_384
ASKED_PER_MINUTE = 120
_ADDRESSES_KEPT = 10_000
_TIMEOUT_MS = 120_000
_ALGORITHMS = (-7, -257, -8)
"""ES256, RS256 and EdDSA, by their COSE numbers."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "Cache-Control": "no-store",
}
UNAVAILABLE = "Something on our side is not answering, so nothing was decided. Please try again in a minute."
T = TypeVar("T")


def _decoded(found: object) -> bytes:
    if not isinstance(found, str) or not found.isascii():
        raise ValueError("must be base64url")
    return b64decode(found + "=" * (-len(found) % 4), altchars=b"-_", validate=True)


_Bytes = Annotated[bytes, BeforeValidator(_decoded)]


class Asserted(BaseModel):
    """What the confirmation page sends back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Bytes
    clientDataJSON: _Bytes
    authenticatorData: _Bytes
    signature: _Bytes


class Attested(BaseModel):
    """What the enrolment page sends back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Bytes
    clientDataJSON: _Bytes
    attestationObject: _Bytes


class PasskeyPages:
    """The handlers, for one site."""

    def __init__(self, desk: Desk, site: Site, now: Callable[[], float]) -> None:
        self._desk = desk
        self._site = site
        self._asked = _Asked(now)

    def routes(self) -> list[web.RouteDef]:
        """Two pages, each with its POST, and what they are drawn with."""
        return [
            web.get("/passkeys/confirm/{token}", self.confirmation),
            web.post("/passkeys/confirm/{token}", self.confirm),
            web.get("/passkeys/enrol/{token}", self.enrolment),
            web.post("/passkeys/enrol/{token}", self.enrol),
            web.get("/passkeys/page.css", self.style),
            web.get("/passkeys/page.js", self.script),
        ]

    async def style(self, _request: web.Request) -> web.Response:
        """GET: how the pages look."""
        return _answer((FOLDER / "page.css").read_text(), "text/css")

    async def script(self, _request: web.Request) -> web.Response:
        """GET: what asks the authenticator."""
        return _answer((FOLDER / "page.js").read_text(), "text/javascript")

    async def confirmation(self, request: web.Request) -> web.Response:
        """GET: what would be approved. Changes nothing."""
        return await self._page(request, self._confirmation_html)

    async def enrolment(self, request: web.Request) -> web.Response:
        """GET: what a passkey is for. Changes nothing."""
        return await self._page(request, self._enrolment_html)

    async def confirm(self, request: web.Request) -> web.Response:
        """POST: one vote, if what the passkey signed holds."""

        async def do(sent: Asserted) -> str:
            answer = PasskeyAnswer(sent.id, sent.clientDataJSON, sent.authenticatorData, sent.signature)
            await confirm_vote(self._desk, _token(request), answer)
            return "Your approval is recorded. You can close this page; the card in Slack says how it goes on."

        return await self._take(request, Asserted, do)

    async def enrol(self, request: web.Request) -> web.Response:
        """POST: a new passkey, which waits for a second person."""

        async def do(sent: Attested) -> str:
            made = await enrol_passkey(
                self._desk,
                _token(request),
                credential_id=sent.id,
                client_data=sent.clientDataJSON,
                attestation=sent.attestationObject,
            )
            return (
                f"Your passkey is enrolled and waits for somebody of the security group. Its code: {made.fingerprint}"
                " · Read it out when you are asked face to face or by voice, and to nobody who writes."
            )

        return await self._take(request, Attested, do)

    async def _confirmation_html(self, token: str) -> str:
        facts = await read_confirmation(self._desk, token)
        request = facts.request
        names = dict(request.eligible)
        names |= {vote.voter_user_id: vote.voter_label for vote in request.votes}
        if request.proposer_user_id is not None:
            names[request.proposer_user_id] = request.proposer_label
        return confirmation_page(
            person_label=facts.person_label,
            title=request.action_title,
            ticket_number=request.ticket_number,
            quorum=request.quorum,
            digest=request.digest,
            card=facts.card,
            names=names,
            expires_at=facts.expires_at,
            options={
                "challenge": b64url(facts.challenge),
                "rpId": facts.rp_id,
                "allowCredentials": [b64url(one) for one in facts.credential_ids],
                "userVerification": "required",
                "timeout": _TIMEOUT_MS,
            },
        )

    async def _enrolment_html(self, token: str) -> str:
        facts = await read_enrolment(self._desk, token)
        key = str(facts.person)
        return enrolment_page(
            person_label=facts.person_label,
            expires_at=facts.expires_at,
            options={
                "challenge": b64url(facts.challenge),
                "rp": {"id": facts.rp_id, "name": "Countersign"},
                "user": {"id": b64url(key.encode()), "name": facts.person_label, "displayName": facts.person_label},
                "pubKeyCredParams": [{"type": "public-key", "alg": one} for one in _ALGORITHMS],
                "authenticatorSelection": {"residentKey": "preferred", "userVerification": "required"},
                "excludeCredentials": [b64url(one) for one in facts.credential_ids],
                "attestation": "none",
                "timeout": _TIMEOUT_MS,
            },
        )

    async def _page(self, request: web.Request, draw: Callable[[str], Awaitable[str]]) -> web.Response:
        if self._asked.too_often(request.remote):
            return _html(gone_page("That was too often. Wait a minute, then open the link again."), 429)
        try:
            return _html(await draw(_token(request)), 200)
        except IdentityUnavailable as error:
            return _html(gone_page(error.reply), 503)
        except HandlingError as error:
            return _html(gone_page(error.reply), 410)
        except DatabaseUnavailable as error:
            log.error("the database did not answer: %s", error)
            return _html(gone_page(UNAVAILABLE), 503)

    async def _take(
        self, request: web.Request, model: Callable[..., T], do: Callable[[T], Awaitable[str]]
    ) -> web.Response:
        if self._asked.too_often(request.remote):  # (2)
            return _json(429, "That was too often. Wait a minute, then try again.", again=True)
        if not self._is_from_our_page(request):  # (1)
            return _json(403, "This did not come from our own page, so nothing was done.")
        body = await request.content.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            return _json(413, "That is more than a passkey says, so nothing was done.")
        try:
            sent: T = model.model_validate_json(body)  # type: ignore[attr-defined]  # both are pydantic models
        except ValidationError:
            return _json(400, "That is not what a passkey says, so nothing was done.")
        try:
            return _json(200, await do(sent))  # (3)
        except IdentityUnavailable as error:
            return _json(503, error.reply, again=True)
        except HandlingError as error:
            log.info("refused on a page: %s", error)
            return _json(403, error.reply)
        except DatabaseUnavailable as error:
            log.error("the database did not answer: %s", error)
            return _json(503, UNAVAILABLE, again=True)

    def _is_from_our_page(self, request: web.Request) -> bool:
        is_ours = request.headers.get("Origin") == self._site.origin
        is_same = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        return is_ours and is_same and request.content_type == "application/json"


class _Asked:
    """How often each address asked within this minute. Behind a proxy that is the proxy's, for all of its readers."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._counted: OrderedDict[tuple[int, str], int] = OrderedDict()

    def too_often(self, address: str | None) -> bool:
        key = (int(self._now() // 60), address or "")
        self._counted[key] = self._counted.get(key, 0) + 1
        while len(self._counted) > _ADDRESSES_KEPT:
            self._counted.popitem(last=False)
        return self._counted[key] > ASKED_PER_MINUTE


def _token(request: web.Request) -> str:
    return request.match_info["token"]


def _html(page: str, status: int) -> web.Response:
    return _answer(page, "text/html", status)


def _answer(text: str, kind: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type=kind, charset="utf-8", status=status, headers=HEADERS)


def _json(status: int, message: str, *, again: bool = False) -> web.Response:
    found: dict[str, Any] = {"message": message, "again": again}
    return web.json_response(found, status=status, headers=HEADERS)
