"""The local Slack as one object: start it, talk to it as an app or as a person, break it, stop it."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from local_slack import apps, persistence
from local_slack.admin import Admin
from local_slack.cast import Cast, default_cast
from local_slack.client_api import ClientApi
from local_slack.delivery.dispatch import Dispatch
from local_slack.delivery.faults import Faults
from local_slack.delivery.signed_http import SignedHttp
from local_slack.delivery.socket_mode import SocketMode
from local_slack.events import Events
from local_slack.forge import Forge
from local_slack.ids import Clock, Mint, RandomHex
from local_slack.interactions import Interactions
from local_slack.live import LiveHub
from local_slack.messages import Messages
from local_slack.modals import Modals
from local_slack.people_actions import PeopleActions
from local_slack.person import Person
from local_slack.rate_limits import RateLimits
from local_slack.records import AppInstall, Json, User
from local_slack.replies import Replies
from local_slack.site import Site
from local_slack.submissions import Submissions
from local_slack.triggers import TRIGGER_SECONDS, ResponseUrls, Triggers
from local_slack.web_api.calling import Services
from local_slack.web_api.server import LoggedCall, WebApi
from local_slack.world import World

# Slack retries an unacknowledged event nearly at once, after one minute and after five.
SLACK_RETRY_DELAYS = (0.0, 60.0, 300.0)
# Slack allows "short bursts" above one post a second and channel, and does not say how short.
SLACK_POST_BURST = 3
HOST = "127.0.0.1"


class LocalSlack:
    """A local Slack with the fixed cast and the app under development installed in Acme.

    port: 0 takes any free one. state_file: kept over restarts, credentials included. counts_calls: 429 for an app
    that calls a method more often than its tier allows. post_interval_seconds: one post per channel and interval,
    `post_burst` at once after a pause, 0 for no limit. http_app_url: deliver by signed HTTP instead of Socket Mode.
    manifest: a parsed manifest restricting the app. ack_seconds, trigger_seconds and retry_delays_seconds are Slack's
    unless told otherwise. clock and random_hex are the only sources of time and chance.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        state_file: str | Path | None = None,
        counts_calls: bool = True,
        post_interval_seconds: float = 1.0,
        post_burst: int = SLACK_POST_BURST,
        http_app_url: str | None = None,
        manifest: Json | None = None,
        ack_seconds: float = 3.0,
        trigger_seconds: float = TRIGGER_SECONDS,
        retry_delays_seconds: Sequence[float] = SLACK_RETRY_DELAYS,
        cast: Cast | None = None,
        clock: Clock = time.time,
        random_hex: RandomHex = secrets.token_hex,
    ) -> None:
        self._port = port
        self._path = Path(state_file) if state_file is not None else None
        self._saved = persistence.read(self._path) if self._path is not None else None
        self._mint = Mint(clock, random_hex)
        self._runner: web.AppRunner | None = None
        self._saver: persistence.Saver | None = None
        self._saving: asyncio.Task[None] | None = None
        self.world = World(cast or default_cast(), self._mint)
        app = self._install(apps.COUNTERSIGN, manifest)
        self._app_id = app.app_id
        deploybot = self._install(apps.DEPLOYBOT, None)
        self.world.apps[deploybot.app_id] = dataclasses.replace(
            deploybot, scopes=frozenset({"chat:write"}), events=frozenset(), commands=(), shortcuts=()
        )
        if self._saved is not None:
            persistence.restore(self.world, self._saved)
        self._wire(
            RateLimits(
                self._mint.now,
                counts_calls=counts_calls,
                post_interval_seconds=post_interval_seconds,
                post_burst=post_burst,
            ),
            ack_seconds,
            trigger_seconds,
            retry_delays_seconds,
        )
        self.http_app_url = http_app_url

    def _wire(self, limits: RateLimits, ack_seconds: float, trigger_seconds: float, retries: Sequence[float]) -> None:
        world, base = self.world, self._base_url
        self._sockets = SocketMode(self._mint)
        self._http = SignedHttp(self._mint)
        self.faults = Faults(self._disconnect)
        self._dispatch = Dispatch(
            self._sockets, self._http, self.faults, ack_seconds=ack_seconds, retry_delays_seconds=retries
        )
        self._live = LiveHub(world)
        self._events = Events(world, self._dispatch)
        self._messages = Messages(world, self._events, self._live)
        self._modals = Modals(world, self._live)
        triggers, urls = Triggers(self._mint, trigger_seconds), ResponseUrls(self._mint)
        replies = Replies(world, self._messages, urls)
        self._interactions = Interactions(
            world, self._dispatch, self._events, self._modals, self._live, triggers, urls, replies, base
        )
        self._submissions = Submissions(
            world, self._dispatch, self._modals, self._live, self._interactions, triggers, urls, base
        )
        self._actions = PeopleActions(world, self._messages, base)
        self.admin = Admin(world, self._events, self._messages, self._live)
        services = Services(
            world,
            self._messages,
            self.admin,
            self._modals,
            self._events,
            self._live,
            triggers,
            limits,
            self._sockets,
            base,
        )
        self._web_api = WebApi(services, self.faults)
        client = ClientApi(
            world,
            self._actions,
            self._messages,
            self._interactions,
            self._submissions,
            self._modals,
            self._live,
            self.faults,
        )
        self._site = Site(world, self._web_api, client, self._sockets, replies)
        self.forge = Forge(world, self._dispatch, self._events, self._interactions, self.app)

    # Life.

    async def start(self) -> None:
        """Listen on the loopback interface. Raises OSError when the port is taken."""
        await self._http.start()
        self._runner = web.AppRunner(self._site.application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._port).start()
        except OSError:
            await self._runner.cleanup()
            await self._http.stop()
            raise
        self._port = self._runner.addresses[0][1]
        if self._path is not None:
            self._saver = persistence.Saver(self.world, self._path, self._dispatch.pending)
            self._dispatch.resume((self._saved or {}).get("pending_events", []), self.world.apps)
            # The tokens must survive even if nothing else ever happens.
            self._saver.save_now()
            self._saving = asyncio.create_task(self._saver.run())

    async def stop(self) -> None:
        """Close every connection, give up pending deliveries, and save."""
        await self._dispatch.stop()
        await self._sockets.close_all()
        await self._live.close_all()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._http.stop()
        if self._saving is not None and self._saver is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)
            self._saver.save_now()

    async def __aenter__(self) -> LocalSlack:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # Addresses and apps.

    @property
    def url(self) -> str:
        """Where the page is, without a trailing slash. Meaningful once started (or with a fixed port)."""
        return f"http://{HOST}:{self._port}"

    @property
    def api_url(self) -> str:
        """The `base_url` for Web API clients."""
        return f"{self.url}/api/"

    def _base_url(self) -> str:
        return f"{self.url}/"

    @property
    def app(self) -> AppInstall:
        """The app under development, with its credentials."""
        return self.world.apps[self._app_id]

    @property
    def http_app_url(self) -> str | None:
        """The app's request URL; None delivers over Socket Mode. May be changed at any time."""
        return self._http.urls.get(self._app_id)

    @http_app_url.setter
    def http_app_url(self, url: str | None) -> None:
        self.set_http_url(self._app_id, url)

    def set_http_url(self, app_id: str, url: str | None) -> None:
        """Set or clear the request URL of any installed app."""
        if url is None:
            self._http.urls.pop(app_id, None)
        else:
            self._http.urls[app_id] = url

    async def verify_url(self) -> bool:
        """Do Slack's url_verification handshake with the app's request URL: True when it answered rightly."""
        return await self._http.verify_url(self.app)

    def use_manifest(self, manifest: Json) -> AppInstall:
        """Restrict the app to a parsed manifest; the credentials stay."""
        self.world.apps[self._app_id] = apps.with_manifest(self.app, manifest)
        return self.app

    def install(
        self, name: str, *, manifest: Json | None = None, team: str = "T0ACME00001", channels: Sequence[str] = ()
    ) -> AppInstall:
        """Install another app, with its own bot, tokens and (from the manifest) scopes."""
        handle = name.lower().replace(" ", "-")
        mint = self._mint
        identity = apps.Identity(mint.entity("A"), name, team, mint.entity("U"), mint.entity("B"))
        bot = User(
            identity.bot_user_id,
            team,
            handle,
            name,
            None,
            name,
            "",
            frozenset({"is_bot"}),
            bot_id=identity.bot_id,
            app_id=identity.app_id,
        )
        self.world.put_user(bot)
        app = self._install(identity, manifest)
        for channel in channels:
            found = self.world.channel(channel)
            self.world.put_channel(dataclasses.replace(found, members=(*found.members, bot.id)))
        return app

    def _install(self, identity: apps.Identity, manifest: Json | None) -> AppInstall:
        app = persistence.with_saved_credentials(apps.install(identity, self._mint, manifest), self._saved)
        self.world.apps[app.app_id] = app
        return app

    # People, and looking on.

    def person(self, who: str) -> Person:
        """The driver of one person's client. Raises LookupError for nobody."""
        return Person(
            who,
            self.app,
            self.world,
            self._actions,
            self._messages,
            self._interactions,
            self._submissions,
            self._modals,
        )

    def email(self, to_channel: str, sender: str, subject: str, text: str) -> str:
        """An e-mail arriving in a channel; returns the message's ts."""
        return self._actions.email(to_channel, sender, subject, text)

    def workflow_post(self, channel: str, username: str, text: str) -> str:
        """A workflow step's post under any name; returns its ts."""
        return self._actions.workflow_post(channel, username, text)

    def bot_post(self, bot: str, channel: str, text: str, **fields: Any) -> str:
        """A post of another bot (such as "deploybot"); returns its ts."""
        return self._actions.post_as_bot(self.world.user(bot), channel, {"text": text, **fields})

    @property
    def calls(self) -> deque[LoggedCall]:
        """The Web API calls so far, oldest first (the last 10,000)."""
        return self._web_api.calls

    @property
    def socket_count(self) -> int:
        """How many Socket Mode connections the app has open."""
        return self._sockets.connection_count(self.app)

    def _disconnect(self, reason: str, abruptly: bool) -> asyncio.Task[None]:
        return self._dispatch.spawn(self._sockets.disconnect_all(reason, abruptly))

    async def wait_for(self, condition: Callable[[], Any], timeout: float = 30) -> Any:
        """Wait until `condition()` is truthy and return its value. It may be a coroutine function.

        Raises TimeoutError when it does not come true in time.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            value = condition()
            if isinstance(value, Awaitable):
                value = await value
            if value:
                return value
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"not within {timeout} s: {getattr(condition, '__qualname__', condition)}")
            await asyncio.sleep(0.01)
