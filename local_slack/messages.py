"""Posting, editing, deleting and reacting: the one place where messages change, whoever changes them.

The Web API, response URLs, the page and the test driver all come through here, so that each change makes the
same events and the same pushes to open pages.
"""

from __future__ import annotations

from local_slack import objects
from local_slack.errors import Missing, Refused
from local_slack.events import Events, message_subscription
from local_slack.live import LiveHub
from local_slack.records import SLACKBOT, AppInstall, Channel, Json, User
from local_slack.world import Ephemeral, World

# Kept with a message but never shown in events or to clients that did not ask.
_PRIVATE_FIELDS = ("metadata",)
_THREAD_FIELDS = ("reply_count", "reply_users_count", "latest_reply", "reply_users", "subscribed", "is_locked")


def bot_message(app: AppInstall, text: str, blocks: list[Json] | None = None) -> Json:
    """The body of a message an app's bot posts."""
    body: Json = {
        "user": app.bot_user_id,
        "type": "message",
        "bot_id": app.bot_id,
        "app_id": app.app_id,
        "text": text,
        "team": app.team_id,
        "bot_profile": objects.bot_profile(app),
    }
    if blocks is not None:
        body["blocks"] = blocks
    return body


class Messages:
    """Changes messages and tells everyone concerned."""

    def __init__(self, world: World, events: Events, live: LiveHub) -> None:
        self._world = world
        self._events = events
        self._live = live

    def post(self, channel: Channel, body: Json, *, broadcast: bool = False) -> Json:
        """Store a new message; returns it with its `ts`. Raises Refused when the channel is archived."""
        if channel.is_archived:
            raise Refused("is_archived", f"#{channel.name} is archived")
        stored = {**body, "type": "message", "ts": self._world.mint.ts()}
        parent = self._parent(channel, stored.get("thread_ts"))
        if parent is not None:
            stored["thread_ts"] = parent["ts"]
            stored["parent_user_id"] = parent.get("user", "")
            if broadcast:
                stored["subtype"] = "thread_broadcast"
                stored["root"] = {"ts": parent["ts"], "text": parent.get("text", ""), "user": parent.get("user")}
        if stored.get("files"):
            self._note_shares(channel, stored)
        self._world.logs[channel.id].add(stored)
        self._world.touch()
        self._announce(channel, stored)
        if parent is not None:
            self._count_reply(channel, parent, stored)
        return stored

    def _note_shares(self, channel: Channel, stored: Json) -> None:
        """Remember with each file where it was shared: who sees the message may open the file, and nobody else."""
        for file in stored["files"]:
            known = self._world.files.get(file.get("id", ""))
            if known is not None:
                known.setdefault("shares", {}).setdefault(channel.id, []).append(stored["ts"])
        stored["files"] = [
            {name: value for name, value in file.items() if name != "shares"} for file in stored["files"]
        ]

    def grow(self, channel: Channel, ts: str, changes: Json, *, is_over: bool) -> Json:
        """Show more of a message that is being streamed. Apps hear of it once, when it is over."""
        stored = self._world.message(channel.id, ts)
        previous = dict(stored)
        stored |= changes
        self._world.touch()
        if is_over:
            self._changed(channel, stored, previous)
        else:
            self._live.message(channel, "message_changed", stored)
        return stored

    def _parent(self, channel: Channel, thread_ts: str | None) -> Json | None:
        """The message a reply belongs under; a reply to a reply goes under the same parent."""
        if not thread_ts:
            return None
        try:
            parent = self._world.message(channel.id, thread_ts)
            return self._world.message(channel.id, parent.get("thread_ts", thread_ts))
        except Missing as error:
            raise Missing("thread_not_found", f"no message {thread_ts} in #{channel.name}") from error

    def _count_reply(self, channel: Channel, parent: Json, reply: Json) -> None:
        users = parent.get("reply_users", [])
        author = reply.get("user") or reply.get("bot_id", "")
        parent |= {
            "thread_ts": parent["ts"],
            "reply_count": parent.get("reply_count", 0) + 1,
            "reply_users": [*users, author] if author not in users else users,
            "latest_reply": reply["ts"],
            "is_locked": False,
            "subscribed": True,
        }
        parent["reply_users_count"] = len(parent["reply_users"])
        self._live.message(channel, "message_changed", parent)

    def _announce(self, channel: Channel, stored: Json) -> None:
        event = public(stored) | {"channel": channel.id, "event_ts": stored["ts"], "channel_type": channel.kind}
        if stored.get("files") and "subtype" not in stored:
            event["subtype"] = "file_share"
        author = self._world.users.get(stored.get("user", ""))
        self._events.emit(event, channel, subscription=message_subscription(channel), author=author)
        self._announce_mentions(channel, stored, author)
        if stored.get("metadata"):
            self._announce_metadata(channel, stored)
        for file in stored.get("files", []):
            self._announce_file(channel, stored, file)
        self._live.message(channel, "message", stored)

    def _announce_mentions(self, channel: Channel, stored: Json, author: User | None) -> None:
        for app in self._world.apps.values():
            wanted = app.events is None or "app_mention" in app.events
            if not wanted or f"<@{app.bot_user_id}" not in stored.get("text", ""):
                continue
            if app.bot_user_id == stored.get("user") or app.bot_user_id not in channel.members:
                continue
            if channel.kind == "im" or "app_mentions:read" not in app.scopes:
                continue
            event = public(stored) | {"type": "app_mention", "channel": channel.id, "event_ts": stored["ts"]}
            self._events.emit_to(app, event, channel, author)

    def _announce_file(self, channel: Channel, stored: Json, file: Json) -> None:
        event = {
            "type": "file_shared",
            "file_id": file["id"],
            "user_id": stored.get("user", ""),
            "file": {"id": file["id"]},
            "channel_id": channel.id,
            "event_ts": stored["ts"],
        }
        self._events.emit(event, channel)

    def _announce_metadata(self, channel: Channel, stored: Json) -> None:
        event = {
            "type": "message_metadata_posted",
            "app_id": stored.get("app_id"),
            "bot_id": stored.get("bot_id"),
            "user_id": stored.get("user"),
            "team_id": stored.get("team"),
            "channel_id": channel.id,
            "metadata": stored["metadata"],
            "message_ts": stored["ts"],
            "event_ts": stored["ts"],
        }
        self._events.emit(event, channel)

    def edit(self, channel: Channel, ts: str, changes: Json, editor: str) -> Json:
        """Change a message in place; a value of None removes the field. The event names the inner author."""
        if channel.is_archived:
            raise Refused("is_inactive", f"#{channel.name} is archived")
        stored = self._world.message(channel.id, ts)
        previous = dict(stored)
        for name, value in changes.items():
            if value is None:
                stored.pop(name, None)
            else:
                stored[name] = value
        self._world.message_state.pop(f"{channel.id}:{ts}", None)
        stored["edited"] = {"user": editor, "ts": self._world.mint.ts()}
        self._world.touch()
        self._changed(channel, stored, previous)
        return stored

    def _changed(self, channel: Channel, stored: Json, previous: Json) -> None:
        now = self._world.mint.ts()
        event: Json = {
            "type": "message",
            "subtype": "message_changed",
            "message": self._inner(channel, stored),
            "previous_message": self._inner(channel, previous),
            "channel": channel.id,
            "hidden": True,
            "ts": now,
            "event_ts": now,
            "channel_type": channel.kind,
        }
        self._events.emit(event, channel, subscription=message_subscription(channel))
        self._live.message(channel, "message_changed", stored)

    def _inner(self, channel: Channel, stored: Json) -> Json:
        """A message inside a message_changed event; in Slack Connect it names the author's company."""
        inner = public(stored)
        author = self._world.users.get(stored.get("user", ""))
        if channel.is_ext_shared and author is not None:
            team = self._world.teams[author.team_id]
            origin = team.enterprise_id or team.id
            inner |= {"source_team": origin, "user_team": origin}
        return inner

    def delete(self, channel: Channel, ts: str) -> None:
        """Remove a message. A parent with replies stays as a tombstone, as in Slack."""
        stored = self._world.message(channel.id, ts)
        log = self._world.logs[channel.id]
        previous = dict(stored)
        if log.replies.get(ts):
            kept = {name: stored[name] for name in ("type", "ts", "thread_ts", *_THREAD_FIELDS) if name in stored}
            stored.clear()
            stored.update(kept, subtype="tombstone", user=SLACKBOT, text="This message was deleted.", hidden=True)
            self._world.touch()
            self._changed(channel, stored, previous)
            return
        log.remove(ts)
        self._uncount_reply(channel, previous)
        self._world.touch()
        now = self._world.mint.ts()
        event: Json = {
            "type": "message",
            "subtype": "message_deleted",
            "previous_message": self._inner(channel, previous),
            "channel": channel.id,
            "hidden": True,
            "deleted_ts": ts,
            "ts": now,
            "event_ts": now,
            "channel_type": channel.kind,
        }
        self._events.emit(event, channel, subscription=message_subscription(channel))
        self._live.to_channel(channel, "message_deleted", {"ts": ts, "thread_ts": previous.get("thread_ts")})

    def _uncount_reply(self, channel: Channel, reply: Json) -> None:
        log = self._world.logs[channel.id]
        parent = log.messages.get(reply.get("thread_ts", ""))
        if parent is None or parent["ts"] == reply["ts"]:
            return
        left = [log.messages[ts] for ts in log.replies.get(parent["ts"], [])]
        if not left:
            for name in ("thread_ts", *_THREAD_FIELDS):
                parent.pop(name, None)
        else:
            users = list(dict.fromkeys(m.get("user") or m.get("bot_id", "") for m in left))
            parent |= {
                "reply_count": len(left),
                "latest_reply": left[-1]["ts"],
                "reply_users": users,
                "reply_users_count": len(users),
            }
        self._live.message(channel, "message_changed", parent)

    # Ephemeral messages: one person's, never stored, gone on reload.

    def post_ephemeral(self, channel: Channel, user: User, body: Json) -> str:
        """Show a message to one person only; returns its timestamp."""
        message = {**body, "type": "message", "ts": self._world.mint.ts(), "is_ephemeral": True}
        self._world.ephemerals.setdefault(channel.id, []).append(Ephemeral(user.id, message))
        self._live.ephemeral(channel, user.id, message)
        return str(message["ts"])

    def edit_ephemeral(self, channel: Channel, item: Ephemeral, changes: Json) -> None:
        self._world.message_state.pop(f"{channel.id}:{item.message['ts']}", None)
        item.message |= changes
        self._live.ephemeral(channel, item.user, item.message)

    def drop_ephemeral(self, channel: Channel, item: Ephemeral) -> None:
        self._world.ephemerals[channel.id].remove(item)
        body = {"channel": channel.id, "ts": item.message["ts"]}
        self._live.push(item.user, "ephemeral_gone", body)

    def forget_ephemerals(self, user_id: str) -> None:
        """What a reload of a person's client does."""
        for channel_id, items in self._world.ephemerals.items():
            self._world.ephemerals[channel_id] = [item for item in items if item.user != user_id]

    def react(self, channel: Channel, ts: str, user_id: str, name: str) -> None:
        """Add a reaction. Raises Refused (`already_reacted`)."""
        stored = self._world.message(channel.id, ts)
        reactions = stored.setdefault("reactions", [])
        entry = next((item for item in reactions if item["name"] == name), None)
        if entry is None:
            entry = {"name": name, "users": [], "count": 0}
            reactions.append(entry)
        if user_id in entry["users"]:
            raise Refused("already_reacted")
        entry["users"].append(user_id)
        entry["count"] += 1
        self._world.touch()
        self._announce_reaction(channel, stored, user_id, name, "reaction_added")

    def unreact(self, channel: Channel, ts: str, user_id: str, name: str) -> None:
        """Take a reaction back. Raises Missing (`no_reaction`)."""
        stored = self._world.message(channel.id, ts)
        entry = next((item for item in stored.get("reactions", []) if item["name"] == name), None)
        if entry is None or user_id not in entry["users"]:
            raise Missing("no_reaction")
        entry["users"].remove(user_id)
        entry["count"] -= 1
        stored["reactions"] = [item for item in stored["reactions"] if item["count"]]
        self._world.touch()
        self._announce_reaction(channel, stored, user_id, name, "reaction_removed")

    def _announce_reaction(self, channel: Channel, stored: Json, user_id: str, name: str, kind: str) -> None:
        event = {
            "type": kind,
            "user": user_id,
            "reaction": name,
            "item": {"type": "message", "channel": channel.id, "ts": stored["ts"]},
            "item_user": stored.get("user", ""),
            "event_ts": self._world.mint.ts(),
        }
        self._events.emit(event, channel)
        self._live.message(channel, "reaction", stored)


def public(stored: Json) -> Json:
    """A message without what only `include_all_metadata` shows."""
    return {name: value for name, value in stored.items() if name not in _PRIVATE_FIELDS}


def all_blocks(stored: Json) -> list[Json]:
    """The blocks of a message and of its attachments: everything that could be clicked."""
    blocks = list(stored.get("blocks") or [])
    for attachment in stored.get("attachments") or []:
        blocks += attachment.get("blocks") or []
    return blocks
