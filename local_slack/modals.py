"""Modals and Home tabs: opening, pushing, updating, closing, and what is typed into them."""

from __future__ import annotations

import json

from local_slack.blockkit import lookup
from local_slack.blockkit.validation import check_view
from local_slack.element_values import initial_state
from local_slack.errors import Invalid, Missing, Refused
from local_slack.live import LiveHub
from local_slack.records import AppInstall, Json
from local_slack.world import OpenView, World

MAX_STACK = 3
MAX_VIEW_BYTES = 250_000


class Modals:
    """Keeps each person's stack of modals and each app's Home tab for them."""

    def __init__(self, world: World, live: LiveHub) -> None:
        self._world = world
        self._live = live

    def open(self, app: AppInstall, user_id: str, view: Json) -> Json:
        """Open a new stack with this modal. Raises Invalid for what Slack would not take."""
        self._check(app, view, "modal")
        for view_id in self._world.stacks.pop(user_id, []):
            self._world.views.pop(view_id, None)
            self._live.push(user_id, "view_closed", {"view_id": view_id})
        return self._add(app, user_id, view)

    def push(self, app: AppInstall, user_id: str, view: Json) -> Json:
        """Put a modal on top of the open ones. Raises Refused (`push_limit_reached`) beyond three."""
        self._check(app, view, "modal")
        stack = self.stack(user_id, app.app_id)
        if not stack:
            raise Missing("not_found", "no modal of this app is open")
        if len(stack) >= MAX_STACK:
            raise Refused("push_limit_reached")
        return self._add(app, user_id, view)

    def _add(self, app: AppInstall, user_id: str, view: Json) -> Json:
        stack = self._world.stacks.setdefault(user_id, [])
        stored = self._store(app, user_id, view)
        below = self._world.views[stack[-1]].view if stack else None
        stored.view["root_view_id"] = below["root_view_id"] if below else stored.view["id"]
        stored.view["previous_view_id"] = below["id"] if below else None
        stack.append(stored.view["id"])
        self._live.push(user_id, "view_opened", {"view": self.shown(stored)})
        return self.shown(stored)

    def update(
        self, app: AppInstall, view: Json, *, view_id: str | None, external_id: str | None, hash_: str | None
    ) -> Json:
        """Replace an open view in place. Raises Missing (`not_found`) and Refused (`hash_conflict`)."""
        stored = self.owned(app, view_id, external_id)
        self._check(app, view, stored.view["type"], replacing=stored.view["id"])
        if hash_ and hash_ != stored.view["hash"]:
            raise Refused("hash_conflict")
        return self.replace(app, stored, view)

    def replace(self, app: AppInstall, stored: OpenView, view: Json) -> Json:
        """Put checked content into an open view; inputs that are still there keep what was typed."""
        kept = {name: stored.view[name] for name in ("id", "root_view_id", "previous_view_id")}
        stored.view = self._body(app, view) | kept
        fresh = initial_state(stored.view["blocks"])
        for block_id, values in fresh.items():
            for action_id, value in values.items():
                old = stored.state.get(block_id, {}).get(action_id)
                if old is not None and old.get("type") == value["type"]:
                    values[action_id] = old
        stored.state = fresh
        kind = "home_published" if stored.view["type"] == "home" else "view_updated"
        self._live.push(stored.user, kind, {"view": self.shown(stored), "app_id": app.app_id})
        self._world.touch()
        return self.shown(stored)

    def publish(self, app: AppInstall, user_id: str, view: Json, hash_: str | None) -> Json:
        """Set the app's Home tab for one person."""
        if not app.home_enabled:
            raise Refused("not_enabled", "the Home tab is not enabled for this app")
        existing = self._world.views.get(self._world.homes.get((user_id, app.app_id), ""))
        self._check(app, view, "home", replacing=existing.view["id"] if existing else None)
        if existing is None:
            stored = self._store(app, user_id, view)
            stored.view |= {"root_view_id": stored.view["id"], "previous_view_id": None}
            self._world.homes[(user_id, app.app_id)] = stored.view["id"]
            self._live.push(user_id, "home_published", {"view": self.shown(stored), "app_id": app.app_id})
            return self.shown(stored)
        if hash_ and hash_ != existing.view["hash"]:
            raise Refused("hash_conflict")
        return self.replace(app, existing, view)

    def close(self, user_id: str, view_id: str) -> OpenView:
        """Take a modal (and everything above it) off a person's stack; returns the closed view."""
        stack = self._world.stacks.get(user_id, [])
        if view_id not in stack:
            raise Missing("not_found", "this modal is not open")
        closed = self._world.views[view_id]
        for above in stack[stack.index(view_id) :]:
            self._world.views.pop(above, None)
            self._live.push(user_id, "view_closed", {"view_id": above})
        self._world.stacks[user_id] = stack[: stack.index(view_id)]
        self._world.touch()
        return closed

    def clear(self, user_id: str) -> None:
        """Close every modal of a person."""
        for view_id in list(self._world.stacks.get(user_id, []))[:1]:
            self.close(user_id, view_id)

    # Lookups.

    def stack(self, user_id: str, app_id: str | None = None) -> list[OpenView]:
        """A person's open modals, the bottom one first."""
        views = [self._world.views[view_id] for view_id in self._world.stacks.get(user_id, [])]
        return [item for item in views if app_id in (None, item.app_id)]

    def home(self, user_id: str, app_id: str) -> OpenView | None:
        return self._world.views.get(self._world.homes.get((user_id, app_id), ""))

    def owned(self, app: AppInstall, view_id: str | None, external_id: str | None) -> OpenView:
        """The app's own open view with this id. Raises Missing (`not_found`)."""
        if view_id and external_id:
            raise Invalid("invalid_arguments", ["Cannot provide both `view_id` and `external_id`"])
        for stored in self._world.views.values():
            if stored.app_id != app.app_id:
                continue
            if view_id == stored.view["id"] or (external_id and external_id == stored.view["external_id"]):
                return stored
        raise Missing("not_found")

    def seen_by(self, user_id: str, view_id: str) -> OpenView:
        """A view this person has before them. Raises Missing (`not_found`)."""
        stored = self._world.views.get(view_id)
        if stored is None or stored.user != user_id:
            raise Missing("not_found", "this view is not open")
        return stored

    def shown(self, stored: OpenView) -> Json:
        """The view object as Slack returns it."""
        return stored.view | {"state": {"values": stored.state}}

    # Making view objects.

    def _store(self, app: AppInstall, user_id: str, view: Json) -> OpenView:
        body = self._body(app, view) | {"id": self._world.mint.entity("V")}
        stored = OpenView(body, user_id, app.app_id, initial_state(body["blocks"]))
        self._world.views[body["id"]] = stored
        self._world.touch()
        return stored

    def _body(self, app: AppInstall, view: Json) -> Json:
        mint = self._world.mint
        body: Json = {
            "team_id": app.team_id,
            "app_id": app.app_id,
            "bot_id": app.bot_id,
            "app_installed_team_id": app.team_id,
            "type": view["type"],
            "blocks": lookup.with_ids(view["blocks"], mint),
            "private_metadata": view.get("private_metadata") or "",
            "callback_id": view.get("callback_id") or "",
            "external_id": view.get("external_id") or "",
            "hash": f"{int(mint.now())}.{mint.secret(4)}",
            "title": view.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
            "close": view.get("close"),
            "submit": view.get("submit"),
            "clear_on_close": bool(view.get("clear_on_close")),
            "notify_on_close": bool(view.get("notify_on_close")),
        }
        return body

    def check_response(self, app: AppInstall, view: Json) -> None:
        """Check a view that came in an ack. Raises Invalid."""
        self._check(app, view, "modal")

    def _check(self, app: AppInstall, view: Json, kind: str, replacing: str | None = None) -> None:
        complaints = check_view(view)
        if not complaints and view["type"] != kind:
            complaints = [f"view type must be {kind} [json-pointer:/view/type]"]
        if complaints:
            raise Invalid("invalid_arguments", complaints)
        if len(json.dumps(view)) > MAX_VIEW_BYTES:
            raise Invalid("view_too_large")
        external_id = view.get("external_id")
        for stored in self._world.views.values():
            taken = external_id and stored.view["external_id"] == external_id and stored.app_id == app.app_id
            if taken and stored.view["id"] != replacing:
                raise Invalid("duplicate_external_id")
