"""What people do without an app: write, edit, delete, react; and posts that come by e-mail or from a workflow.

The page and the test driver both come through here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from local_slack import cast, text
from local_slack.errors import Missing, Refused
from local_slack.messages import Messages
from local_slack.records import SLACKBOT, Channel, Json, User
from local_slack.web_api.files import channels_of, file_object
from local_slack.world import World

MAX_TYPED = 40_000


class PeopleActions:
    """Checks what a person may do, as Slack's own client and server would, and does it."""

    def __init__(self, world: World, messages: Messages, base_url: Callable[[], str]) -> None:
        self._world = world
        self._messages = messages
        self._base_url = base_url

    def sign_in(self, who: str) -> User:
        """The person behind a client. Raises Refused for bots and for people who cannot sign in."""
        user = self._world.user(who)
        if not user.can_sign_in or user.id == SLACKBOT:
            raise Refused("not_allowed", f"{user.handle} cannot sign in")
        return user

    def _writable(self, user: User, which: str) -> Channel:
        channel = self.visible(user, which)
        if user.id not in channel.members:
            raise Refused("not_in_channel", f"{user.handle} is not in #{channel.name}")
        if channel.is_archived:
            raise Refused("is_archived", f"#{channel.name} is archived")
        return channel

    def visible(self, user: User, which: str) -> Channel:
        """A channel as this person finds it; "@handle" is their direct messages with somebody.

        Raises Missing when they do not see it.
        """
        if which.startswith("@"):
            return self._world.direct_channel(user.id, self._world.user(which).id)
        channel = self._world.channel(which)
        if not self._world.can_see(user, channel):
            raise Missing("channel_not_found", f"{user.handle} does not see {which}")
        return channel

    def post(
        self,
        user: User,
        which: str,
        typed: str,
        thread_ts: str | None = None,
        files: Sequence[Json] = (),
        *,
        broadcast: bool = False,
    ) -> str:
        """Write a message; returns its ts."""
        channel = self._writable(user, which)
        self._check_typed(typed, has_files=bool(files))
        body = self._typed(user, typed)
        if thread_ts:
            body["thread_ts"] = thread_ts
        if files:
            body |= {"files": [self._file(user, item) for item in files], "upload": True}
        return str(self._messages.post(channel, body, broadcast=broadcast)["ts"])

    def _typed(self, user: User, typed: str) -> Json:
        stored, blocks = text.compose(self._world, typed)
        return {
            "type": "message",
            "user": user.id,
            "text": stored,
            "team": user.team_id,
            "client_msg_id": self._world.mint.envelope(),
            "blocks": blocks,
        }

    def _check_typed(self, typed: str, *, has_files: bool) -> None:
        if not typed and not has_files:
            raise Refused("no_text", "there is nothing to send")
        if len(typed) > MAX_TYPED:
            raise Refused("msg_too_long", f"a message holds at most {MAX_TYPED} characters")

    def _file(self, user: User, fields: Json) -> Json:
        name = str(fields["name"])
        file = file_object(
            self._world.mint.now(),
            self._base_url(),
            self._world.mint.entity("F"),
            {
                "name": name,
                "mimetype": str(fields.get("mimetype") or "application/octet-stream"),
                "size": int(fields.get("size") or 0),
                "user": user.id,
                "user_team": user.team_id,
            },
        )
        self._world.files[file["id"]] = file
        return file

    def open_file(self, user: User, file_id: str) -> tuple[Json, bytes]:
        """A file and its content, for its owner and whoever sees a channel it is in. Raises Missing (`file_not_found`).

        What people attach has a name and no content, so nobody can open that.
        """
        file, content = self._world.files.get(file_id), self._world.file_bytes.get(file_id)
        if file is None or content is None or file.get("is_pending"):
            raise Missing("file_not_found", file_id)
        places = channels_of(self._world, file)
        if file.get("user") != user.id and not any(self._world.can_see(user, channel) for channel in places):
            raise Missing("file_not_found", f"{user.handle} does not see {file_id}")
        return file, content

    def edit(self, user: User, which: str, ts: str, typed: str) -> None:
        """Change one's own message."""
        channel = self._writable(user, which)
        self._own(user, channel, ts, "cant_update_message")
        self._check_typed(typed, has_files=False)
        body = self._typed(user, typed)
        self._messages.edit(channel, ts, {"text": body["text"], "blocks": body["blocks"]}, user.id)

    def delete(self, user: User, which: str, ts: str) -> None:
        """Delete one's own message; admins may delete anybody's from their own workspace."""
        channel = self._writable(user, which)
        self._own(user, channel, ts, "cant_delete_message")
        self._messages.delete(channel, ts)

    def _own(self, user: User, channel: Channel, ts: str, error: str) -> None:
        stored = self._world.message(channel.id, ts)
        is_admin = "is_admin" in user.flags and stored.get("team") == user.team_id
        if stored.get("user") != user.id and not (is_admin and error == "cant_delete_message"):
            raise Refused(error, "that is somebody else's message")

    def react(self, user: User, which: str, ts: str, name: str) -> None:
        """Add a reaction, or take it back when it was there already, as a second press in the client does."""
        channel = self._writable(user, which)
        try:
            self._messages.react(channel, ts, user.id, name)
        except Refused:
            self._messages.unreact(channel, ts, user.id, name)

    def email(self, to_channel: str, sender: str, subject: str, body: str) -> str:
        """An e-mail that arrives in a channel. Its headers are the sender's words and prove nothing."""
        channel = self._world.channel(to_channel)
        file = file_object(
            self._world.mint.now(),
            self._base_url(),
            self._world.mint.entity("F"),
            {
                "name": subject or "Untitled",
                "mimetype": "text/html",
                "size": len(body.encode()),
                "user": SLACKBOT,
            },
        ) | self._email_fields(sender, subject, body, channel)
        self._world.files[file["id"]] = file
        message: Json = {
            "type": "message",
            "subtype": "file_share",
            "user": SLACKBOT,
            "text": "",
            "team": channel.teams[0],
            "files": [file],
            "upload": True,
            "display_as_bot": False,
        }
        return str(self._messages.post(channel, message)["ts"])

    def _email_fields(self, sender: str, subject: str, body: str, channel: Channel) -> Json:
        address = sender.rpartition("<")[2].rstrip(">").strip()
        name = sender.rpartition("<")[0].strip().strip('"')
        to = f"{channel.name}@{self._world.teams[channel.teams[0]].domain}.slack.example"
        return {
            "mode": "email",
            "filetype": "email",
            "pretty_type": "Email",
            "subject": subject,
            "title": subject,
            "from": [{"address": address, "name": name, "original": sender}],
            "to": [{"address": to, "name": "", "original": to}],
            "cc": [],
            "headers": {
                "date": "Sat, 21 Nov 2026 00:00:00 +0000",
                "in_reply_to": None,
                "reply_to": None,
                "message_id": f"<{self._world.mint.secret(8)}@mail.example>",
            },
            "plain_text": body,
            "preview_plain_text": body[:1000],
            "preview": f"<p>{text.escape(body[:1000])}</p>",
            "preview_is_truncated": len(body) > 1000,
            "has_more": len(body) > 1000,
            "original_attachment_count": 0,
            "sent_to_self": False,
            "bot_id": "",
        }

    def workflow_post(self, which: str, username: str, typed: str) -> str:
        """A workflow step's post: any name it likes, and no user."""
        channel = self._world.channel(which)
        stored, blocks = text.compose(self._world, typed)
        message: Json = {
            "type": "message",
            "subtype": "bot_message",
            "text": stored,
            "username": username,
            "bot_id": cast.WORKFLOW_BOT_ID,
            "app_id": "A0WORKFLOW1",
            "blocks": blocks,
        }
        return str(self._messages.post(channel, message)["ts"])

    def post_as_bot(self, bot: User, which: str, body: dict[str, Any]) -> str:
        """A message of another bot, with its user and bot_id and no subtype."""
        channel = self._world.channel(which)
        message = {
            "type": "message",
            "user": bot.id,
            "bot_id": bot.bot_id,
            "app_id": bot.app_id,
            "team": bot.team_id,
            "text": "",
            **body,
        }
        return str(self._messages.post(channel, message)["ts"])
