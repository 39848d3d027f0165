"""What a person does with an app: clicks, menus, commands, shortcuts, opening its Home tab.

A click looks its element and value up in the stored message or view; what is not there cannot be clicked.
Forged payloads have their own explicit door (`forge.Forge`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_slack import element_values, payloads
from local_slack.blockkit import lookup
from local_slack.delivery.attempt import COMMANDS, INTERACTIVE, Outcome, Parcel
from local_slack.delivery.dispatch import Dispatch
from local_slack.errors import Missing, Refused, SlackError
from local_slack.events import Events
from local_slack.live import LiveHub
from local_slack.messages import all_blocks
from local_slack.modals import Modals
from local_slack.records import AppInstall, Channel, Json, User
from local_slack.replies import Replies
from local_slack.triggers import ResponseUrl, ResponseUrls, Triggers
from local_slack.world import World


@dataclass(frozen=True)
class Place:
    """Where an element stands: in a message (channel and ts) or in a view."""

    channel: str = ""
    ts: str = ""
    view_id: str = ""


@dataclass(frozen=True)
class Scene:
    """A place looked up for one person: its blocks, its app, and the context a payload carries."""

    app: AppInstall
    blocks: list[Json]
    context: Json
    state: element_values.Values
    key: str
    url: ResponseUrl | None = None
    view_id: str | None = None


class Interactions:
    """Builds interaction payloads from the stored world and delivers them."""

    def __init__(
        self,
        world: World,
        dispatch: Dispatch,
        events: Events,
        modals: Modals,
        live: LiveHub,
        triggers: Triggers,
        urls: ResponseUrls,
        replies: Replies,
        base_url: Callable[[], str],
    ) -> None:
        self._world = world
        self._dispatch = dispatch
        self._events = events
        self._modals = modals
        self._live = live
        self._triggers = triggers
        self._urls = urls
        self._replies = replies
        self._base_url = base_url
        # Options an external select has shown to a person: only those can be chosen.
        self._offered: dict[tuple[str, str, str], list[Json]] = {}

    # Elements in messages and views.

    async def click(self, user: User, place: Place, action_id: str, block_id: str | None, raw: Any) -> Outcome | None:
        """Use an element and wait for the ack; None when Slack would not tell the app (a plain modal input).

        Raises Missing when this person sees no such element there, or it does not offer that value.
        """
        scene = self.scene(user, place)
        found = lookup.find(scene.blocks, action_id, block_id)
        if found is None:
            raise Missing("no_such_element", f"no element {action_id!r} in the stored blocks")
        held = self._use(user, scene, found.element, found.block_id, raw)
        if found.block.get("type") == "input" and not found.block.get("dispatch_action"):
            return None
        payload = self.click_payload(user, scene, found, held)
        outcome = await self._dispatch.once(scene.app, Parcel(INTERACTIVE, payload))
        self._tell_unacked(user, scene.app, outcome)
        return outcome

    def _use(self, user: User, scene: Scene, element: Json, block_id: str, raw: Any) -> Json | None:
        """Record what was chosen; None for a button, which has nothing to choose."""
        if element["type"] in ("button", "icon_button", "workflow_button", "feedback_buttons"):
            if raw is not None and raw != element.get("value"):
                raise Missing("no_such_element", f"the stored button's value is not {raw!r}")
            return None
        held = self.choose(user, scene, element, raw)
        if lookup.is_stateful(element):
            scene.state.setdefault(block_id, {})[element["action_id"]] = held
        return held

    def choose(self, user: User, scene: Scene, element: Json, raw: Any) -> Json:
        """What the element holds after `raw` was put in. Raises Missing for a value it does not offer."""
        offered = self._offered.get((scene.key, element["action_id"], user.id), [])
        exists: dict[str, Callable[[str], str]] = {
            "user": lambda who: self._world.user(who).id,
            "channel": lambda which: self._world.channel(which).id,
            "conversation": lambda which: self._world.channel(which).id,
        }
        return element_values.chosen(element, raw, offered, exists)

    def click_payload(self, user: User, scene: Scene, found: lookup.Found, held: Json | None) -> Json:
        """The genuine block_actions payload of this click."""
        in_view = scene.view_id is not None
        payload = payloads.common(self._world, scene.app, user, "block_actions", in_view=in_view) | scene.context
        payload |= {
            "trigger_id": self._triggers.issue(scene.app.app_id, user.id, scene.view_id),
            "actions": [payloads.action(found.block_id, found.element, held, self._world.mint.ts())],
        }
        if scene.url is not None:
            payload["state"] = {"values": scene.state}
            payload["response_url"] = self._base_url() + self._urls.issue(scene.url)
        return payload

    def scene(self, user: User, place: Place, *, even_if_hidden: bool = False) -> Scene:
        """Look a place up as this person sees it. Raises Missing. `even_if_hidden` is for forgeries only."""
        if place.view_id:
            return self._view_scene(user, place.view_id)
        channel = self._world.channel(place.channel)
        if not even_if_hidden and not self._world.can_see(user, channel):
            raise Missing("channel_not_found", f"{user.handle} does not see {place.channel}")
        return self._message_scene(user, channel, place)

    def _view_scene(self, user: User, view_id: str) -> Scene:
        stored = self._modals.seen_by(user.id, view_id)
        context = payloads.view_context(stored, self._modals.shown(stored))
        return Scene(
            self._world.apps[stored.app_id], stored.view["blocks"], context, stored.state, view_id, view_id=view_id
        )

    def _message_scene(self, user: User, channel: Channel, place: Place) -> Scene:
        item = self._world.ephemeral(channel.id, place.ts, user.id)
        message = item.message if item else self._world.message(channel.id, place.ts)
        app = self._world.apps.get(message.get("app_id", ""))
        if app is None:
            raise Missing("no_such_element", "the message is not from an app")
        blocks = all_blocks(message)
        key = f"{channel.id}:{place.ts}"
        by_user = self._world.message_state.setdefault(key, {})
        state = by_user.setdefault(user.id, element_values.initial_state(blocks))
        context = payloads.message_context(channel, message, is_ephemeral=item is not None)
        url = ResponseUrl(
            app.app_id,
            user.id,
            channel.id,
            self._world.mint.now(),
            place.ts,
            item is not None,
            message.get("thread_ts"),
        )
        return Scene(app, blocks, context, state, key, url)

    async def options(self, user: User, place: Place, action_id: str, block_id: str | None, query: str) -> Json:
        """Ask the app for an external select's suggestions: `{options}` or `{option_groups}`."""
        scene = self.scene(user, place)
        found = lookup.find(scene.blocks, action_id, block_id)
        if found is None or "external_select" not in found.element["type"]:
            raise Missing("no_such_element", f"no external select {action_id!r} there")
        in_view = scene.view_id is not None
        payload = payloads.common(self._world, scene.app, user, "block_suggestion", in_view=in_view) | scene.context
        payload |= {"action_id": found.action_id, "block_id": found.block_id, "value": query}
        outcome = await self._dispatch.once(scene.app, Parcel(INTERACTIVE, payload, accepts_response=True))
        self._tell_unacked(user, scene.app, outcome)
        body = outcome.body or {}
        self._offered[(scene.key, found.action_id, user.id)] = element_values.options_of(body)
        return {name: body[name] for name in ("options", "option_groups") if name in body}

    # Commands and shortcuts. At Slack they exist for people of the installing workspace only.

    async def command(self, user: User, channel: Channel, name: str, text: str) -> Outcome:
        """Run a slash command and show what the ack says. Raises Missing when nobody offers it to this person."""
        app = self._offering(user, lambda a: a.commands is None or any(c.command == name for c in a.commands))
        if app is None or not self._world.can_see(user, channel):
            raise Missing("not_a_command", f"{name} is not a command {user.handle} has here")
        url = ResponseUrl(app.app_id, user.id, channel.id, self._world.mint.now())
        form = payloads.command(self._world, app, user, channel, name, text) | {
            "response_url": self._base_url() + self._urls.issue(url),
            "trigger_id": self._triggers.issue(app.app_id, user.id),
        }
        outcome = await self._dispatch.once(app, Parcel(COMMANDS, form, accepts_response=True))
        if not outcome.acked:
            self._live.toast(user.id, f'{name} failed with the error "operation_timeout"')
        elif outcome.body and (outcome.body.get("text") or outcome.body.get("blocks")):
            self._reply(user, app, url, outcome.body)
        return outcome

    def _reply(self, user: User, app: AppInstall, url: ResponseUrl, body: Json) -> None:
        try:
            self._replies.reply(app, url, body)
        except SlackError as error:
            self._live.toast(user.id, f"{app.name} answered with something Slack does not take: {error}")

    async def shortcut(self, user: User, callback_id: str, channel: Channel | None, ts: str | None) -> Outcome:
        """Run a global shortcut, or with a channel and ts a message shortcut."""
        kind = "message" if ts else "global"

        def offers(app: AppInstall) -> bool:
            known = app.shortcuts
            return known is None or any((s.callback_id, s.type) == (callback_id, kind) for s in known)

        app = self._offering(user, offers)
        if app is None:
            raise Missing("no_such_shortcut", f"{callback_id} is not a {kind} shortcut {user.handle} has")
        payload = payloads.common(self._world, app, user, "shortcut")
        # Shortcut payloads name no app id, unlike the others.
        del payload["api_app_id"]
        payload |= {
            "callback_id": callback_id,
            "action_ts": self._world.mint.ts(),
            "trigger_id": self._triggers.issue(app.app_id, user.id),
        }
        if channel is not None and ts:
            payload |= self._message_shortcut(user, app, channel, ts)
        outcome = await self._dispatch.once(app, Parcel(INTERACTIVE, payload))
        self._tell_unacked(user, app, outcome)
        return outcome

    def _message_shortcut(self, user: User, app: AppInstall, channel: Channel, ts: str) -> Json:
        if not self._world.can_see(user, channel):
            raise Missing("channel_not_found", channel.name)
        message = self._world.message(channel.id, ts)
        context = payloads.message_context(channel, message, is_ephemeral=False)
        url = ResponseUrl(app.app_id, user.id, channel.id, self._world.mint.now(), thread_ts=message.get("thread_ts"))
        return {
            "type": "message_action",
            "channel": context["channel"],
            "message": context["message"],
            "message_ts": ts,
            "response_url": self._base_url() + self._urls.issue(url),
        }

    def _offering(self, user: User, offers: Callable[[AppInstall], bool]) -> AppInstall | None:
        for app in self._world.apps.values():
            if app.team_id in self._world.teams_of(user) and offers(app):
                return app
        return None

    def open_home(self, user: User, app: AppInstall) -> None:
        """Open the app's Home tab: the app hears `app_home_opened`.

        People of another company reach it too, over a channel they share with the app; the event then says
        their own team (bolt-js issue 1948). Raises Refused for those who share none.
        """
        is_home = app.team_id in self._world.teams_of(user)
        if not is_home and not self._world.shares_channel(user, app):
            raise Refused("not_available", f"{user.handle} has nothing to do with {app.name}")
        channel = self._world.direct_channel(user.id, app.bot_user_id)
        event: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": channel.id,
            "tab": "home",
            "event_ts": self._world.mint.ts(),
        }
        home = self._modals.home(user.id, app.app_id)
        if home is not None:
            event["view"] = self._modals.shown(home)
        self._events.emit_to_many([app], event, None if is_home else user.team_id)

    def _tell_unacked(self, user: User, app: AppInstall, outcome: Outcome) -> None:
        if not outcome.acked:
            self._live.toast(user.id, f"{app.name} did not respond in time")
