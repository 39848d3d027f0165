"""Writes the world to one JSON file, atomically, and reads it back: nothing is lost over a restart.

Ephemeral messages, trigger ids and response URLs are not kept: a restart is a reload for everybody.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_slack.records import AppInstall, Channel, Group, Json, User
from local_slack.world import ChannelLog, OpenView, World

VERSION = 1
SAVE_DELAY_SECONDS = 0.25
_CREDENTIALS = ("bot_token", "app_token", "signing_secret", "verification_token")


def snapshot(world: World) -> Json:
    """Everything worth keeping, as JSON. Open modals are not: their triggers would be dead anyway."""
    homes = [[user, app, _view(world.views[view_id])] for (user, app), view_id in world.homes.items()]
    return {
        "version": VERSION,
        "credentials": {app.app_id: {name: getattr(app, name) for name in _CREDENTIALS} for app in world.apps.values()},
        "users": [dataclasses.asdict(user) | {"flags": sorted(user.flags)} for user in world.users.values()],
        "channels": [dataclasses.asdict(channel) for channel in world.channels.values()],
        "groups": [dataclasses.asdict(group) for group in world.groups.values()],
        "messages": {channel_id: list(log.messages.values()) for channel_id, log in world.logs.items()},
        "files": world.files,
        "file_bytes": {name: base64.b64encode(content).decode() for name, content in world.file_bytes.items()},
        "homes": homes,
    }


def _view(stored: OpenView) -> Json:
    return {"view": stored.view, "state": stored.state}


def restore(world: World, saved: Json) -> None:
    """Put a snapshot into a world whose apps are installed already. Raises ValueError for another version."""
    if saved.get("version") != VERSION:
        raise ValueError(f"state file version {saved.get('version')!r}, expected {VERSION}")
    world.users = {item["id"]: _user(item) for item in saved["users"]}
    world.channels = {item["id"]: _channel(item) for item in saved["channels"]}
    world.groups = {item["id"]: Group(**item | {"users": tuple(item["users"])}) for item in saved["groups"]}
    world.files = saved["files"]
    world.file_bytes = {name: base64.b64decode(content) for name, content in saved.get("file_bytes", {}).items()}
    world.logs = {channel_id: ChannelLog() for channel_id in world.channels}
    for channel_id, messages in saved["messages"].items():
        for message in messages:
            world.logs.setdefault(channel_id, ChannelLog()).add(message)
            world.mint.seen_ts(message["ts"])
    for user, app_id, home in saved["homes"]:
        world.views[home["view"]["id"]] = OpenView(home["view"], user, app_id, home["state"])
        world.homes[(user, app_id)] = home["view"]["id"]


def with_saved_credentials(app: AppInstall, saved: Json | None) -> AppInstall:
    """The app with the tokens it had before the restart, if it had any."""
    known = (saved or {}).get("credentials", {}).get(app.app_id)
    return dataclasses.replace(app, **known) if known else app


def _user(item: Json) -> User:
    return User(**item | {"flags": frozenset(item["flags"]), "enterprise_teams": tuple(item["enterprise_teams"])})


def _channel(item: Json) -> Channel:
    lists = {name: tuple(item[name]) for name in ("teams", "members", "previous_names")}
    return Channel(**item | lists)


def read(path: Path) -> Json | None:
    """The saved state; None when there is no file yet. Raises ValueError when it cannot be read."""
    if not path.exists():
        return None
    saved: Any = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(saved, dict):
        raise ValueError(f"{path} is not a state file of the local Slack")
    return saved


def write(path: Path, text: str) -> None:
    """Replace the file in one step, so that a crash leaves the old state or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Saver:
    """Saves shortly after each change, and once more when it stops."""

    def __init__(self, world: World, path: Path, pending: Callable[[], list[list[Any]]]) -> None:
        self._world = world
        self._path = path
        self._pending = pending
        self._saved_revision = world.revision

    async def run(self) -> None:
        """Save whenever something changed, at most once per delay."""
        pause = SAVE_DELAY_SECONDS
        while True:
            await asyncio.sleep(pause)
            if self._world.revision != self._saved_revision:
                began = time.perf_counter()
                text = self._text()
                # A long history takes long to put down: save it less often rather than stall everything else.
                pause = max(SAVE_DELAY_SECONDS, 30 * (time.perf_counter() - began))
                await asyncio.to_thread(write, self._path, text)

    def save_now(self) -> None:
        write(self._path, self._text())

    def _text(self) -> str:
        # Taken on the event loop, so that the snapshot is of one moment; only the writing happens elsewhere.
        self._saved_revision = self._world.revision
        return json.dumps(snapshot(self._world) | {"pending_events": self._pending()}, ensure_ascii=False)
