"""A passkey in software, and people who use one: real keys, real assertions, sent to the pages as a browser would."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import encode_cbor

from handlers.desk import Desk
from handlers.flows.decide_passkey import let_count
from policy.confirming import vote_challenge
from policy.passkeys import PasskeyState, Site
from policy.terms import Assertion, PersonKey, Vote
from storage import audit
from storage.audit import Step
from storage.passkeys import as_passkey
from storage.schema import PasskeyRow
from tests.running import RunningDesk

SITE = Site("http://localhost:8080", "localhost")
"""Where the demo's settings say that its pages are."""
HOME = "T0ACME00001"
USER_PRESENT, USER_VERIFIED, HOLDS_CREDENTIAL = 0x01, 0x04, 0x40


def b64url(found: bytes) -> str:
    return urlsafe_b64encode(found).rstrip(b"=").decode()


def from_b64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """Holds one key pair. What it is told to lie about, it lies about."""

    origin: str = SITE.origin
    rp_id: str = SITE.rp_id
    is_user_verified: bool = True
    is_cross_origin: bool = False
    sign_count: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_key(self) -> bytes:
        """COSE: an ES256 key on P-256."""
        numbers = self.key.public_key().public_numbers()
        point = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        return encode_cbor({1: 2, 3: -7, -1: 1} | point)

    def create(self, challenge: bytes) -> dict[str, str]:
        """What `navigator.credentials.create` gives, as our page sends it."""
        inside = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self.public_key
        data = self._data(HOLDS_CREDENTIAL) + inside
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", challenge)
        return {
            "id": b64url(self.credential_id),
            "clientDataJSON": b64url(client_data),
            "attestationObject": b64url(attestation),
        }

    def get(self, challenge: bytes) -> dict[str, str]:
        """What `navigator.credentials.get` gives, as our page sends it."""
        self.sign_count += 1
        data, client_data = self._data(), self._client_data("webauthn.get", challenge)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "id": b64url(self.credential_id),
            "clientDataJSON": b64url(client_data),
            "authenticatorData": b64url(data),
            "signature": b64url(signature),
        }

    def _data(self, flags: int = 0) -> bytes:
        flags |= USER_PRESENT | (USER_VERIFIED if self.is_user_verified else 0)
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.sign_count.to_bytes(4, "big")

    def _client_data(self, kind: str, challenge: bytes) -> bytes:
        told = {"type": kind, "challenge": b64url(challenge), "origin": self.origin}
        return json.dumps(told | {"crossOrigin": self.is_cross_origin}).encode()


@dataclass(frozen=True)
class Opened:
    """One of our pages, as it was opened."""

    path: str
    status: int
    text: str
    headers: Any

    @property
    def options(self) -> dict[str, Any]:
        """What the page hands to the browser."""
        [found] = re.findall(r'data-options="([^"]*)"', self.text)
        return dict(json.loads(unescape(found)))

    @property
    def challenge(self) -> bytes:
        return from_b64url(self.options["challenge"])


async def open_page(desk: RunningDesk, url: str) -> Opened:
    """GET a link that somebody was given."""
    path = url.removeprefix(SITE.origin)
    async with aiohttp.ClientSession() as session, session.get(desk.process.http_url + path) as answer:
        return Opened(path, answer.status, await answer.text(), answer.headers)


async def send(desk: RunningDesk, path: str, body: Any, **headers: str) -> tuple[int, str]:
    """POST what a page would: the status, and the words."""
    data = body if isinstance(body, str) else json.dumps(body)
    given = {"Origin": SITE.origin, "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(desk.process.http_url + path, data=data, headers=given | headers) as answer,
    ):
        return answer.status, str((await answer.json())["message"])


async def give_passkey(desk: RunningDesk, handle: str, **options: Any) -> Authenticator:
    """A passkey that counts, as an operator lets one count."""
    return await give_passkey_to(desk.parts.reception.desk, key_of(desk, handle), **options)


async def give_passkey_to(parts: Desk, owner: PersonKey, **options: Any) -> Authenticator:
    """The same, without a Slack around the desk."""
    made = Authenticator(**options)
    row = PasskeyRow(
        id=parts.new_id(),
        owner=str(owner),
        owner_label=owner.user_id,
        credential_id=made.credential_id,
        public_key=made.public_key,
        state=PasskeyState.WAITING,
        sign_count=0,
        enrolled_at=parts.clock(),
        approved_by="",
        seal="",
        seal_key_id="",
    )
    async with parts.database.transaction() as tx:
        tx.add(row)
        payload = {"passkeyId": str(row.id), "owner": row.owner, "fingerprint": as_passkey(row).fingerprint}
        await audit.record(tx, None, Step.PASSKEY_ENROLLED, row.owner, payload, at=row.enrolled_at)
        await let_count(tx, row, parts.signer, by="operator:test", at=row.enrolled_at, new_id=parts.new_id)
    return made


def assertion_for(vote: Vote, passkey: Authenticator) -> Assertion:
    """What the passkey signs for a vote, as it is stored with it."""
    link = secrets.token_hex(32)
    sent = {name: from_b64url(value) for name, value in passkey.get(vote_challenge(vote, link)).items()}
    return Assertion(link, sent["id"], sent["clientDataJSON"], sent["authenticatorData"], sent["signature"])


def key_of(desk: RunningDesk, handle: str) -> PersonKey:
    return PersonKey(HOME, desk.slack.world.user(handle).id)


def links_in(blocks: Any) -> list[str]:
    """Every link among the blocks."""
    if isinstance(blocks, dict):
        own = [str(blocks["url"])] if blocks.get("type") == "link" else []
        return own + [url for value in blocks.values() for url in links_in(value)]
    return [url for one in blocks for url in links_in(one)] if isinstance(blocks, list) else []


async def link_given(desk: RunningDesk, handle: str, channel: str) -> str:
    """The newest link that a person was told privately."""

    def found() -> list[str]:
        return [url for told in desk.slack.person(handle).ephemerals(channel) for url in links_in(told.get("blocks"))]

    return (await desk.until(found))[-1]


async def ask(desk: RunningDesk, handle: str, ts: str, channel: str = "desk-approvals") -> str:
    """Press Approve on a card that asks for a passkey: the link that comes of it."""
    before = len(links_in([one.get("blocks") for one in desk.slack.person(handle).ephemerals(channel)]))
    await desk.slack.person(handle).click(channel, ts, action_id="request.approve")

    def found() -> list[str]:
        told = desk.slack.person(handle).ephemerals(channel)
        return links_in([one.get("blocks") for one in told])[before:]

    return (await desk.until(found))[-1]


async def approve(desk: RunningDesk, handle: str, ts: str, authenticator: Authenticator | None = None) -> None:
    """Approve what asks for a passkey, as a person does: press, open, confirm."""
    authenticator = authenticator or await give_passkey(desk, handle)
    page = await open_page(desk, await ask(desk, handle, ts))
    status, words = await send(desk, page.path, authenticator.get(page.challenge))
    assert status == 200, words
