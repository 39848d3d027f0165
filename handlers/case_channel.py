"""A private channel for a case: made, given its people, and put away again where the case was not opened after all.

Slack has no idempotency key for making a channel. A crash between making it and writing the case down leaves an empty
private channel that holds the bot and whoever was let in; the next attempt takes another name. Whom Slack does not let
in is reported and never waited for: the lead can invite them, and the audience guard is asked for each message anyway.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.errors import Refused, TryLater

log = logging.getLogger(__name__)

NAME_LENGTH, TOPIC_LENGTH, NAMES_TRIED = 80, 250, 20
CALL_WITHIN_SECONDS = 10.0
_BEYOND_NAMES = re.compile(r"[^a-z0-9]+")
_MAY_NOT_MAKE = {
    "restricted_action": "this workspace does not let apps make channels",
    "cannot_create_channel": "Slack does not make a channel of that name",
    "missing_scope": "the app lacks the scope groups:write: install it again with the current manifest",
    "no_permission": "the app may not make channels here",
    "user_is_restricted": "the app may not make channels here",
}
_NOT_LET_IN = {
    "user_is_restricted": "a guest cannot be invited by the bot",
    "ura_max_channels": "a guest of one channel cannot be in another",
    "cant_invite": "the account is deactivated or has not joined yet",
    "no_external_invite_permission": "the account belongs to another company",
    "user_not_found": "Slack knows no such account",
}
_FAULTS = (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError)


@dataclass(frozen=True)
class CaseChannel:
    """A channel that was made, and whom Slack did not let in: user id and why, in words."""

    channel_id: str
    name: str
    left_out: tuple[tuple[str, str], ...]


class CaseChannels:
    """Makes private channels for cases."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def make(self, name: str, topic: str, user_ids: Sequence[str]) -> CaseChannel:
        """A private channel with these people, whom the caller has resolved and may let in.

        `name` is made fit for Slack, and numbered where it is taken; `topic` holds nothing that a customer wrote.
        Raises Refused where the workspace does not allow it, TryLater where Slack did not answer.
        """
        channel_id, taken_name = await self._create(name)
        people = list(dict.fromkeys(user_ids))
        # Beside each other: whoever opens the case waits for all of it within one press.
        _, *why = await asyncio.gather(
            self._set_topic(channel_id, topic), *(self._invite(channel_id, one) for one in people)
        )
        left_out = tuple((one, said) for one, said in zip(people, why, strict=True) if said)
        return CaseChannel(channel_id, taken_name, left_out)

    async def put_away(self, channel_id: str) -> None:
        """Archive a channel whose case was not opened. Never raises: an empty private channel harms nobody."""
        try:
            async with asyncio.timeout(CALL_WITHIN_SECONDS):
                await self._client.conversations_archive(channel=channel_id)
        except _FAULTS as error:
            log.warning("the channel %s was not archived: %r", channel_id, error)

    async def _set_topic(self, channel_id: str, topic: str) -> None:
        try:
            async with asyncio.timeout(CALL_WITHIN_SECONDS):
                await self._client.conversations_setTopic(channel=channel_id, topic=topic[:TOPIC_LENGTH])
        except _FAULTS as error:
            log.warning("the topic of %s was not set: %r", channel_id, error)

    async def _create(self, name: str) -> tuple[str, str]:
        wanted = channel_name(name)
        for number in range(1, NAMES_TRIED + 1):
            numbered = wanted if number == 1 else f"{wanted[: NAME_LENGTH - 4]}-{number}"
            try:
                async with asyncio.timeout(CALL_WITHIN_SECONDS):
                    answer = await self._client.conversations_create(name=numbered, is_private=True)
            except SlackApiError as error:
                if error.response.get("error") == "name_taken":
                    continue
                raise _why_not_made(error) from error
            except _FAULTS as error:
                raise TryLater(f"Slack did not answer: {error!r}", seconds=5) from error
            channel = answer["channel"]
            if channel.get("is_private") is not True or channel.get("is_ext_shared") is True:
                await self.put_away(str(channel["id"]))
                raise _refused("Slack made a channel that is not private")
            return str(channel["id"]), str(channel.get("name") or numbered)
        raise _refused(f"{NAMES_TRIED} channels are named {wanted} already")

    async def _invite(self, channel_id: str, user_id: str) -> str | None:
        """Let one person in; why not, in words, where Slack does not. One at a time: otherwise one keeps all out."""
        try:
            async with asyncio.timeout(CALL_WITHIN_SECONDS):
                await self._client.conversations_invite(channel=channel_id, users=user_id)
        except SlackApiError as error:
            code = str(error.response.get("error", ""))
            if code == "already_in_channel":
                return None
            return _NOT_LET_IN.get(code, f"Slack does not let them in: {code}")
        except _FAULTS:
            return "Slack did not answer"
        return None


def channel_name(wanted: str) -> str:
    """A name as Slack takes it: lower case, digits and hyphens, at most 80 characters."""
    name = _BEYOND_NAMES.sub("-", wanted.lower()).strip("-")[: NAME_LENGTH - 4].strip("-")
    if not name:
        raise ValueError(f"{wanted!r} has no letter or digit that a channel's name may hold")
    return name


def _why_not_made(error: SlackApiError) -> Refused | TryLater:
    code = str(error.response.get("error", ""))
    if code == "ratelimited":
        headers = getattr(error.response, "headers", {})
        return TryLater("Slack asks to wait", seconds=float(headers.get("Retry-After", "1")))
    if code in _MAY_NOT_MAKE:
        return _refused(_MAY_NOT_MAKE[code])
    return TryLater(f"Slack answered {code}", seconds=5)


def _refused(why: str) -> Refused:
    return Refused(
        f"no private channel: {why}",
        code="no-private-channel",
        reply=f"I could not make a private channel: {why}. Nothing was opened. Have an administrator of the workspace"
        " look, then try again; or open the case in a thread of the triage channel.",
    )
