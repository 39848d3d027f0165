"""The nouns of the local Slack: teams, people, channels, groups and installed apps.

Records are frozen: a change replaces the record in `world.World`. Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

SLACKBOT = "USLACKBOT"


@dataclass(frozen=True)
class Team:
    """A workspace; `enterprise_id` is set for workspaces of an Enterprise organisation."""

    id: str
    name: str
    domain: str
    color: str
    enterprise_id: str | None = None
    enterprise_name: str | None = None


@dataclass(frozen=True)
class User:
    """A person or a bot. `flags` are the `users.info` booleans that are true for them.

    `is_email_confirmed` is true unless `email_unconfirmed` is among the flags.
    """

    id: str
    team_id: str
    handle: str
    real_name: str
    email: str | None = None
    display_name: str = ""
    title: str = ""
    flags: frozenset[str] = frozenset()
    color: str = "4a5568"
    enterprise_teams: tuple[str, ...] = ()
    hides_team_id: bool = False
    shows_email_outside: bool = False
    bot_id: str | None = None
    app_id: str | None = None

    @property
    def is_guest(self) -> bool:
        return bool(self.flags & {"is_restricted", "is_ultra_restricted"})

    @property
    def is_machine(self) -> bool:
        return bool(self.flags & {"is_bot", "is_workflow_bot", "is_connector_bot"})

    @property
    def can_sign_in(self) -> bool:
        """True for whoever can have a client open: no bots, nobody deactivated or merely invited."""
        return not self.is_machine and not self.flags & {"deleted", "is_invited_user"}


@dataclass(frozen=True)
class Channel:
    """A conversation. More than one team means Slack Connect; `im_with` marks a direct message."""

    id: str
    name: str
    teams: tuple[str, ...]
    members: tuple[str, ...]
    is_private: bool = False
    is_archived: bool = False
    topic: str = ""
    created: int = 1700000000
    creator: str = "U0OLIVIA001"
    im_with: str | None = None
    previous_names: tuple[str, ...] = ()

    @property
    def is_ext_shared(self) -> bool:
        return len(self.teams) > 1

    @property
    def kind(self) -> str:
        """Slack's `channel_type`: channel, group or im."""
        if self.im_with is not None:
            return "im"
        return "group" if self.is_private else "channel"


@dataclass(frozen=True)
class Group:
    """A user group (`@support`); it never holds guests, bots or outsiders."""

    id: str
    team_id: str
    handle: str
    name: str
    users: tuple[str, ...]
    is_disabled: bool = False


@dataclass(frozen=True)
class Command:
    command: str
    description: str
    usage_hint: str = ""


@dataclass(frozen=True)
class Shortcut:
    callback_id: str
    name: str
    type: str  # "message" or "global"


@dataclass(frozen=True)
class AppInstall:
    """An app installed in one workspace, with its credentials.

    `events`, `commands` and `shortcuts` are None when nothing was declared: then everything is allowed.
    """

    app_id: str
    name: str
    team_id: str
    bot_user_id: str
    bot_id: str
    bot_token: str
    app_token: str
    signing_secret: str
    verification_token: str
    scopes: frozenset[str]
    events: frozenset[str] | None = None
    commands: tuple[Command, ...] | None = None
    shortcuts: tuple[Shortcut, ...] | None = None
    home_enabled: bool = True
