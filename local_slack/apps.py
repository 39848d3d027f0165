"""Installs apps: credentials, scopes and what a manifest declares. A parsed manifest is a plain dict."""

from __future__ import annotations

import dataclasses
from typing import Any

from local_slack import cast
from local_slack.ids import Mint
from local_slack.records import AppInstall, Command, Json, Shortcut

# What an app without a manifest may do: the bot scopes behind every method and event served here.
DEFAULT_SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "channels:join",
        "channels:manage",
        "channels:read",
        "chat:write",
        "chat:write.customize",
        "chat:write.public",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "groups:write",
        "im:history",
        "im:read",
        "im:write",
        "metadata.message:read",
        "mpim:history",
        "mpim:read",
        "mpim:write",
        "reactions:read",
        "reactions:write",
        "team:read",
        "usergroups:read",
        "users.profile:read",
        "users:read",
        "users:read.email",
    }
)


@dataclasses.dataclass(frozen=True)
class Identity:
    """The fixed ids of an app: who its bot is and where it is installed."""

    app_id: str
    name: str
    team_id: str
    bot_user_id: str
    bot_id: str


COUNTERSIGN = Identity(cast.APP_ID, "Countersign", cast.ACME, cast.BOT_USER, cast.BOT_ID)
DEPLOYBOT = Identity(cast.DEPLOYBOT_APP, "Deploybot", cast.ACME, cast.DEPLOYBOT_USER, cast.DEPLOYBOT_ID)


def install(identity: Identity, mint: Mint, manifest: Json | None = None) -> AppInstall:
    """Install an app with fresh credentials; without a manifest it may do and hear everything."""
    digits = str(int(mint.secret(5), 16))
    app = AppInstall(
        app_id=identity.app_id,
        name=identity.name,
        team_id=identity.team_id,
        bot_user_id=identity.bot_user_id,
        bot_id=identity.bot_id,
        bot_token=f"xoxb-{digits}-{int(mint.secret(5), 16)}-{mint.secret(12)}",
        app_token=f"xapp-1-{identity.app_id}-{digits}-{mint.secret(32)}",
        signing_secret=mint.secret(16),
        verification_token=mint.secret(12),
        scopes=DEFAULT_SCOPES,
    )
    return app if manifest is None else with_manifest(app, manifest)


def with_manifest(app: AppInstall, manifest: Json) -> AppInstall:
    """The same app restricted to what `manifest` declares: scopes, events, commands, shortcuts, name."""
    features = _section(manifest, "features")
    settings = _section(manifest, "settings")
    bot_user = _section(features, "bot_user")
    scopes = _section(_section(manifest, "oauth_config"), "scopes").get("bot") or []
    home = _section(features, "app_home")
    return dataclasses.replace(
        app,
        name=str(bot_user.get("display_name") or _section(manifest, "display_information").get("name") or app.name),
        scopes=frozenset(scopes),
        events=frozenset(_section(settings, "event_subscriptions").get("bot_events") or []),
        commands=tuple(_command(item) for item in features.get("slash_commands") or []),
        shortcuts=tuple(_shortcut(item) for item in features.get("shortcuts") or []),
        home_enabled=bool(home.get("home_tab_enabled", False)),
    )


def _section(parent: Json, name: str) -> Json:
    value: Any = parent.get(name)
    return value if isinstance(value, dict) else {}


def _command(item: Json) -> Command:
    return Command(str(item["command"]), str(item.get("description", "")), str(item.get("usage_hint", "")))


def _shortcut(item: Json) -> Shortcut:
    return Shortcut(str(item["callback_id"]), str(item.get("name", "")), str(item.get("type", "global")))
