"""Whether a person confirmed exactly this vote with a passkey: asked when it is cast, and again before the run.

The only module that knows WebAuthn. The challenge that a passkey signs is not drawn at random and remembered; it is
made from what is voted on, so that an assertion says by itself which request, digest, voter and choice it is for.
The specification's list: https://www.w3.org/TR/webauthn-3/#sctn-verifying-assertion
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from policy.digest import canonical_json
from policy.passkeys import Passkey, PasskeyState, Site, is_sealed
from policy.terms import Assertion, PersonKey, Vote
from policy.votes import VoteSigner

_VOTE_DOMAIN = b"countersign.step-up.v1\n"
_ENROLMENT_DOMAIN = b"countersign.enrolment.v1\n"

MISSING = "It was not confirmed with a passkey."
UNKNOWN = "It was confirmed with a passkey that this person has not enrolled."
WAITING = "It was confirmed with a passkey that nobody has approved."
REVOKED = "It was confirmed with a passkey that is revoked."
UNSEALED = "The approval of the passkey it was confirmed with does not verify."
NO_SITE = "Passkeys cannot be checked, because the desk has no public address."


class NotConfirmed(Exception):
    """An authenticator's answer does not hold. The text is for operators."""


@dataclass(frozen=True)
class NewCredential:
    """What an authenticator made for an enrolment."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def vote_challenge(vote: Vote, link: str) -> bytes:
    """What a passkey has to sign to confirm this vote. `link`: names the one link it was opened with."""
    body: dict[str, JsonValue] = {
        "request": vote.request_id,
        "digest": vote.digest,
        "voter": [vote.voter.home, vote.voter.user_id],
        "choice": vote.choice.value,
        "link": link,
    }
    return hashlib.sha256(_VOTE_DOMAIN + canonical_json(body)).digest()


def enrolment_challenge(owner: PersonKey, link: str) -> bytes:
    """What a new passkey has to be made over."""
    body: dict[str, JsonValue] = {"owner": [owner.home, owner.user_id], "link": link}
    return hashlib.sha256(_ENROLMENT_DOMAIN + canonical_json(body)).digest()


class Confirmations:
    """Checks assertions for one site."""

    def __init__(self, signer: VoteSigner, site: Site | None) -> None:
        self._signer = signer
        self.site = site

    def why_not(self, vote: Vote, passkeys: Iterable[Passkey], *, is_new: bool) -> str:
        """Why the vote does not count as confirmed, in words for operators; "" where it does. Never raises.

        `passkeys`: as they are stored now. `is_new`: the assertion is being used for the first time, so the
        authenticator must have counted on; before the run it was counted already.
        """
        if self.site is None:
            return NO_SITE
        assertion = vote.assertion
        if assertion is None:
            return MISSING
        theirs = [one for one in passkeys if one.credential_id == assertion.credential_id and one.owner == vote.voter]
        if len(theirs) != 1:
            return UNKNOWN
        (passkey,) = theirs
        if passkey.state is not PasskeyState.APPROVED:
            return REVOKED if passkey.state is PasskeyState.REVOKED else WAITING
        if not is_sealed(passkey, self._signer):
            return UNSEALED
        try:
            self._check(self.site, vote, assertion, passkey, is_new=is_new)
        except NotConfirmed as error:
            return f"What the passkey signed does not hold: {error}."
        return ""

    def _check(self, site: Site, vote: Vote, assertion: Assertion, passkey: Passkey, *, is_new: bool) -> None:
        """Raises NotConfirmed unless the authenticator signed exactly this vote, here, with its user verified."""
        try:
            _check_not_embedded(assertion.client_data)
            verify_authentication_response(
                credential=_as_answered(assertion),
                expected_challenge=vote_challenge(vote, assertion.link),
                expected_rp_id=site.rp_id,
                expected_origin=site.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count if is_new else 0,
                require_user_verification=True,
            )
        except Exception as error:
            # Broad on purpose: it is somebody's bytes, and whatever goes wrong while reading them, it does not hold.
            raise NotConfirmed(_words(error)) from error

    def enrol(self, owner: PersonKey, link: str, answer: Mapping[str, bytes]) -> NewCredential:
        """What an authenticator made, if it was for this enrolment, here, with its user verified.

        `answer`: `id`, `clientDataJSON` and `attestationObject` as bytes. Raises NotConfirmed.
        """
        if self.site is None:
            raise NotConfirmed(NO_SITE)
        try:
            _check_not_embedded(answer["clientDataJSON"])
            response = AuthenticatorAttestationResponse(answer["clientDataJSON"], answer["attestationObject"])
            made = verify_registration_response(
                credential=RegistrationCredential(bytes_to_base64url(answer["id"]), answer["id"], response),
                expected_challenge=enrolment_challenge(owner, link),
                expected_rp_id=self.site.rp_id,
                expected_origin=self.site.origin,
                require_user_verification=True,
            )
        except Exception as error:  # as above
            raise NotConfirmed(_words(error)) from error
        if made.credential_id != answer["id"]:
            raise NotConfirmed("the credential is not the one that was named")
        return NewCredential(made.credential_id, made.credential_public_key, made.sign_count)


def _as_answered(assertion: Assertion) -> AuthenticationCredential:
    return AuthenticationCredential(
        id=bytes_to_base64url(assertion.credential_id),
        raw_id=assertion.credential_id,
        response=AuthenticatorAssertionResponse(
            client_data_json=assertion.client_data,
            authenticator_data=assertion.authenticator_data,
            signature=assertion.signature,
        ),
    )


def _check_not_embedded(client_data: bytes) -> None:
    """Our pages cannot be framed; a browser that says it was is not showing what we drew."""
    read: Any = json.loads(client_data)
    if read.get("crossOrigin") not in (None, False):
        raise NotConfirmed("it was asked for by a page of another site around ours")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
