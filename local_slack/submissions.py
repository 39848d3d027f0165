"""Submitting and closing modals: the client's own checks, the payload, and what the app answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local_slack import element_values, payloads
from local_slack.blockkit import lookup
from local_slack.delivery.attempt import INTERACTIVE, Parcel
from local_slack.delivery.dispatch import Dispatch
from local_slack.errors import Invalid, Missing, Refused, SlackError
from local_slack.interactions import Interactions, Place
from local_slack.live import LiveHub
from local_slack.modals import MAX_STACK, Modals
from local_slack.records import AppInstall, Json, User
from local_slack.triggers import ResponseUrl, ResponseUrls, Triggers
from local_slack.world import OpenView, World

RawValues = Mapping[str, Mapping[str, Any]]


class Submissions:
    """Delivers view_submission and view_closed and carries out the `response_action` of the answer."""

    def __init__(
        self,
        world: World,
        dispatch: Dispatch,
        modals: Modals,
        live: LiveHub,
        interactions: Interactions,
        triggers: Triggers,
        urls: ResponseUrls,
        base_url: Callable[[], str],
    ) -> None:
        self._world = world
        self._dispatch = dispatch
        self._modals = modals
        self._live = live
        self._interactions = interactions
        self._triggers = triggers
        self._urls = urls
        self._base_url = base_url

    async def submit(self, user: User, view_id: str, raw: RawValues) -> Json:
        """Submit a modal with these values (block_id -> action_id -> value).

        Returns `{}` when it was accepted and closed, else the `response_action` with its `errors`, or
        `{"error": "operation_timeout"}` when the app did not answer. Raises Missing for a value that cannot
        be entered, or a modal that is not open.
        """
        stored = self._modals.seen_by(user.id, view_id)
        if stored.view["type"] != "modal":
            raise Refused("not_a_modal", "only modals can be submitted")
        self._fill(user, stored, raw)
        if errors := element_values.complaints(stored.view["blocks"], stored.state):
            return {"response_action": "errors", "errors": errors}
        app = self._world.apps[stored.app_id]
        payload = self.payload(user, stored)
        outcome = await self._dispatch.once(app, Parcel(INTERACTIVE, payload, accepts_response=True))
        if not outcome.acked:
            self._live.toast(user.id, "We had some trouble connecting. Try again?")
            return {"error": "operation_timeout"}
        try:
            return await self._answer(user, app, stored, outcome.body or {})
        except SlackError as error:
            self._live.toast(user.id, f"{app.name} answered with something Slack does not take: {error}")
            return {"error": error.code, "message": str(error)}

    def _fill(self, user: User, stored: OpenView, raw: RawValues) -> None:
        scene = self._interactions.scene(user, Place(view_id=stored.view["id"]))
        for block_id, values in raw.items():
            for action_id, value in values.items():
                found = lookup.find(stored.view["blocks"], action_id, block_id)
                if found is None or not lookup.is_stateful(found.element):
                    raise Missing("no_such_element", f"the modal has no input {block_id}/{action_id}")
                held = self._interactions.choose(user, scene, found.element, value)
                stored.state.setdefault(block_id, {})[action_id] = held

    def payload(self, user: User, stored: OpenView) -> Json:
        """The genuine view_submission payload."""
        app = self._world.apps[stored.app_id]
        return payloads.common(self._world, app, user, "view_submission", in_view=True) | {
            "trigger_id": self._triggers.issue(app.app_id, user.id, stored.view["id"]),
            "view": self._modals.shown(stored),
            "response_urls": self._response_urls(user, stored),
        }

    def _response_urls(self, user: User, stored: OpenView) -> list[Json]:
        """One URL for each conversation chosen in a menu with `response_url_enabled`."""
        urls: list[Json] = []
        for found in lookup.elements(stored.view["blocks"]):
            held = stored.state.get(found.block_id, {}).get(found.action_id, {})
            channel_id = held.get("selected_conversation") or held.get("selected_channel")
            if found.element.get("response_url_enabled") and channel_id:
                url = ResponseUrl(stored.app_id, user.id, channel_id, self._world.mint.now())
                urls.append(
                    {
                        "block_id": found.block_id,
                        "action_id": found.action_id,
                        "channel_id": channel_id,
                        "response_url": self._base_url() + self._urls.issue(url),
                    }
                )
        return urls

    async def _answer(self, user: User, app: AppInstall, stored: OpenView, body: Json) -> Json:
        action = body.get("response_action")
        view_id = stored.view["id"]
        if action is None:
            if view_id in self._world.stacks.get(user.id, []):
                await self.close(user, view_id, tell=False)
            return {}
        if action == "errors":
            return self._errors(stored, body)
        if action == "clear":
            self._modals.clear(user.id)
        elif action == "update":
            self._modals.check_response(app, body.get("view") or {})
            self._modals.replace(app, stored, body["view"])
        elif action == "push":
            if len(self._modals.stack(user.id)) >= MAX_STACK:
                raise Refused("push_limit_reached")
            self._modals.push(app, user.id, body.get("view") or {})
        else:
            raise Invalid("invalid_arguments", [f"unknown response_action: {action}"])
        return {"response_action": action}

    def _errors(self, stored: OpenView, body: Json) -> Json:
        errors = body.get("errors")
        inputs = {block.get("block_id") for block in stored.view["blocks"] if block.get("type") == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
            raise Invalid("invalid_arguments", ["errors must name input blocks of the view"])
        self._live.push(stored.user, "view_errors", {"view_id": stored.view["id"], "errors": errors})
        return {"response_action": "errors", "errors": errors}

    async def close(self, user: User, view_id: str, *, tell: bool = True) -> None:
        """Close a modal as its person does; the app hears of it when the view asked for that."""
        stored = self._modals.seen_by(user.id, view_id)
        is_cleared = bool(stored.view["clear_on_close"])
        shown = self._modals.shown(stored)
        if is_cleared:
            self._modals.clear(user.id)
        else:
            self._modals.close(user.id, view_id)
        if tell and stored.view["notify_on_close"]:
            app = self._world.apps[stored.app_id]
            payload = payloads.common(self._world, app, user, "view_closed", in_view=True)
            payload |= {"view": shown, "is_cleared": is_cleared}
            await self._dispatch.once(app, Parcel(INTERACTIVE, payload))
