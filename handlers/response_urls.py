"""Answers over an interaction's `response_url`: they reach the person wherever they are, a member the bot or not.

The URL stands in the payload, and this process posts to it. So it is posted to Slack's two hosts for that, or to the
Web API's own origin where the settings name another (the local Slack), and to nothing else: https://docs.slack.dev,
"Handling user interaction", "Responding to interactions".
"""

from __future__ import annotations

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from handlers.views.rendered import Rendered

SLACKS_ORIGINS = frozenset({URL("https://hooks.slack.com"), URL("https://hooks.slack-gov.com")})
POST_WITHIN_SECONDS = 5.0


class NotPosted(Exception):
    """The URL is not one to post to, or what answers there did not take the message."""


class ResponseUrls:
    """Posts to response URLs. `api_url`: the Web API's address, where it is not Slack's own."""

    def __init__(self, client: AsyncWebClient, api_url: str | None = None) -> None:
        # The same way out as the Web API's: a site may let its machines out through a proxy only.
        self._proxy = client.proxy
        self._ssl = client.ssl
        self._origins = SLACKS_ORIGINS if api_url is None else SLACKS_ORIGINS | {URL(api_url).origin()}

    def allowed(self, response_url: str) -> URL:
        """The URL to post to, read once and for good. Raises NotPosted."""
        try:
            url = URL(response_url)
            is_allowed = url.absolute and url.user is None and url.password is None and url.origin() in self._origins
        except ValueError as error:
            raise NotPosted("the response_url cannot be read") from error
        if not is_allowed:
            raise NotPosted(f"the response_url is not Slack's: {url.scheme}://{url.raw_host}")
        return url

    async def post(self, response_url: str, rendered: Rendered, *, thread_ts: str | None = None) -> None:
        """Show a message to the person of this interaction only. Raises NotPosted, ClientError, TimeoutError."""
        url = self.allowed(response_url)
        body = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": rendered.text,
            "blocks": list(rendered.blocks),
        } | ({} if thread_ts is None else {"thread_ts": thread_ts})
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=POST_WITHIN_SECONDS)) as session,
            # A redirect would lead past the check above.
            session.post(url, json=body, allow_redirects=False, proxy=self._proxy, ssl=self._ssl or True) as answer,
        ):
            if answer.status != 200:
                raise NotPosted(f"the response_url answered {answer.status}")
