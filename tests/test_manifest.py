"""manifest.yml against the code: what the app asks of Slack is what it uses, no less and no more.

The scopes of a method come from the local Slack's own table, which is held against Slack's documentation.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from handlers.registry import BUTTONS, COMMANDS, EVENTS, SHORTCUTS, VIEWS
from local_slack.web_api.methods import METHODS

REPOSITORY = Path(__file__).parent.parent
MANIFEST: dict[str, Any] = yaml.safe_load((REPOSITORY / "manifest.yml").read_text())
BY_CALL = {name.replace(".", "_"): name for name in METHODS}

# Scopes that no method or event asks for, each with the words in the code that need it.
BESIDE_METHODS: Mapping[str, tuple[str, str]] = {
    "files:read": ("handlers/slack_messages.py", 'event.get("files")'),
    "users:read.email": ("handlers/identity.py", 'profile.get("email")'),
    "metadata.message:read": ("handlers/delivery.py", "include_all_metadata"),
}
# Where only private channels are made and changed, so that the scopes for public ones are not asked for.
PRIVATE_ONLY = "handlers/case_channel.py"
EVENT_SCOPES = {
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "app_mention": "app_mentions:read",
    "reaction_added": "reactions:read",
    "subteam_members_changed": "usergroups:read",
    "subteam_updated": "usergroups:read",
}


@dataclass(frozen=True)
class Called:
    """One use of a Web API method."""

    method: str
    where: str


def calls(sources: Mapping[str, str]) -> Iterator[Called]:
    """Every Web API method that is called, or handed on to be called, on a client."""
    for where, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and _is_client(node.value) and hasattr(AsyncWebClient, node.attr):
                if node.attr in BY_CALL:
                    yield Called(BY_CALL[node.attr], f"{where}:{node.lineno}")
                elif "_" in node.attr and callable(getattr(AsyncWebClient, node.attr)):
                    yield Called(node.attr, f"{where}:{node.lineno}")


def _is_client(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.strip("_") == "client"


def shipped_sources() -> dict[str, str]:
    """What runs in the bot, by path."""
    return {
        path.relative_to(REPOSITORY).as_posix(): path.read_text()
        for room in ("bot", "handlers")
        for path in sorted((REPOSITORY / room).rglob("*.py"))
    }


def scopes_of(manifest: Mapping[str, Any]) -> set[str]:
    return set(manifest["oauth_config"]["scopes"]["bot"])


def events_of(manifest: Mapping[str, Any]) -> set[str]:
    return set(manifest["settings"]["event_subscriptions"]["bot_events"])


def scope_problems(manifest: Mapping[str, Any], sources: Mapping[str, str]) -> list[str]:
    """What the code needs without a scope, and what scope it has without a use."""
    beside, declared = set(_beside_methods(manifest, sources)), scopes_of(manifest)
    found, used = [f"{scope} is missing" for scope in sorted(beside - declared)], beside
    called = list(calls(sources))
    kinds = _kinds(manifest, {one.method for one in called})
    for one in called:
        if one.method not in METHODS:
            found.append(f"{one.where}: {one.method} is not a method the local Slack knows, so nothing tests it")
            continue
        scopes = METHODS[one.method].scopes
        if one.where.startswith(PRIVATE_ONLY):
            scopes = tuple(scope for scope in scopes if not scope.startswith("channels:"))
        for any_of in _needed(scopes, kinds):
            used |= any_of
            if not any_of & declared:
                found.append(f"{one.where}: {one.method} needs {' or '.join(sorted(any_of))}")
    found += [f"scope {scope} is used by nothing" for scope in sorted(declared - used)]
    return found


def _kinds(manifest: Mapping[str, Any], methods: set[str]) -> frozenset[str]:
    """The scopes that stand for one kind of conversation each, of the kinds the app works in."""
    events = events_of(manifest)
    prefixes = [
        name for name, event in (("channels", "message.channels"), ("groups", "message.groups")) if event in events
    ]
    kinds = {f"{prefix}:{verb}" for prefix in prefixes for verb in ("read", "history", "join", "manage", "write")}
    # A direct message that the app opens is looked through for what it posted; nothing else is asked of it.
    return frozenset(kinds | ({"im:write", "im:history"} if "conversations.open" in methods else set()))


def _needed(scopes: Iterable[str], kinds: frozenset[str]) -> list[set[str]]:
    """Sets of scopes, one of each of which is needed: where each kind of conversation has its own, that of each."""
    by_kind = [{scope} for scope in scopes if scope in kinds]
    return by_kind or ([set(scopes)] if scopes else [])


def _beside_methods(manifest: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[str]:
    yield from (scope for scope, (path, words) in BESIDE_METHODS.items() if words in sources.get(path, ""))
    yield from (EVENT_SCOPES[event] for event in events_of(manifest) if event in EVENT_SCOPES)
    if manifest["features"].get("slash_commands") or manifest["features"].get("shortcuts"):
        yield "commands"


def listener_problems(
    manifest: Mapping[str, Any],
    *,
    events: Iterable[str] = EVENTS,
    commands: Iterable[str] = tuple(COMMANDS),
    shortcuts: Iterable[str] = tuple(SHORTCUTS),
) -> list[str]:
    """Where what Slack is told of and what is listened to differ."""
    features, settings = manifest["features"], manifest["settings"]
    pairs = {
        "event": ({event.partition(".")[0] for event in events_of(manifest)}, set(events)),
        "command": ({one["command"] for one in features.get("slash_commands") or []}, set(commands)),
        "shortcut": ({one["callback_id"] for one in features.get("shortcuts") or []}, set(shortcuts)),
    }
    found = []
    for kind, (declared, handled) in pairs.items():
        found += [f"{kind} {name} is declared and not handled" for name in sorted(declared - handled)]
        found += [f"{kind} {name} is handled and not declared" for name in sorted(handled - declared)]
    if not settings["interactivity"]["is_enabled"]:
        found.append("interactivity is off, and there are buttons")
    if "app_home_opened" in events and not features["app_home"]["home_tab_enabled"]:
        found.append("App Home is drawn and its tab is off")
    urls = {settings["interactivity"]["request_url"], settings["event_subscriptions"]["request_url"]}
    if len(urls) != 1:
        found.append(f"requests go to several places: {sorted(urls)}")
    return found


def drawn_ids(sources: Mapping[str, str]) -> set[str]:
    """Every text in the views that is an id of the registry, or is given to a button as one."""
    known, found = {*BUTTONS, *VIEWS}, set()
    for path, source in sources.items():
        if not path.startswith("handlers/views/"):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and node.value in known:
                found.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "button" and len(node.args) > 1:
                found |= {node.args[1].value} if isinstance(node.args[1], ast.Constant) else set()
    return found


def test_every_method_that_is_called_has_its_scope_and_no_scope_is_unused() -> None:
    sources = shipped_sources()

    assert scope_problems(MANIFEST, sources) == []
    assert {one.method for one in calls(sources)} >= {
        "auth.test", "chat.postMessage", "chat.update", "conversations.info", "users.info", "usergroups.users.list",
        "views.open", "views.publish",
    }  # fmt: skip


def test_the_bot_makes_no_channel_that_is_not_private() -> None:
    made = [
        node
        for path, source in shipped_sources().items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "conversations_create"
    ]

    assert [{one.arg: ast.unparse(one.value) for one in node.keywords}["is_private"] for node in made] == ["True"]


def test_events_commands_and_shortcuts_are_those_that_are_listened_to() -> None:
    assert listener_problems(MANIFEST) == []


def test_every_button_and_modal_of_the_registry_is_drawn_and_every_drawn_one_is_in_it() -> None:
    assert drawn_ids(shipped_sources()) == {*BUTTONS, *VIEWS}


def test_the_app_is_installed_in_one_workspace_and_may_use_either_transport() -> None:
    settings = MANIFEST["settings"]

    assert settings["socket_mode_enabled"] is True
    assert settings["org_deploy_enabled"] is False
    assert settings["event_subscriptions"]["request_url"].startswith("https://")


# Planted violations: each of the checks above must be able to fail.


@pytest.mark.parametrize("scope", sorted(scopes_of(MANIFEST)))
def test_a_scope_taken_away_is_missed(scope: str) -> None:
    manifest = copy.deepcopy(MANIFEST)
    manifest["oauth_config"]["scopes"]["bot"].remove(scope)

    problems = scope_problems(manifest, shipped_sources())

    assert problems
    assert all(scope in problem for problem in problems), problems


@pytest.mark.parametrize("scope", ["reactions:read", "chat:write.public", "channels:manage", "im:read", "admin"])
def test_a_scope_too_many_is_found(scope: str) -> None:
    manifest = copy.deepcopy(MANIFEST)
    manifest["oauth_config"]["scopes"]["bot"].append(scope)

    assert scope_problems(manifest, shipped_sources()) == [f"scope {scope} is used by nothing"]


@pytest.mark.parametrize(
    ("planted", "problem"),
    [
        ("await client.reactions_add(channel=c, timestamp=t, name=n)", "reactions.add needs reactions:write"),
        ("await self._client.conversations_join(channel=c)", "conversations.join needs channels:join"),
        ("await call.reception.client.users_profile_get(user=u)", "users.profile.get needs users.profile:read"),
        ("await ask(client.conversations_kick)", "conversations.kick needs channels:manage"),
        ("await client.admin_users_remove(user=u)", "admin_users_remove is not a method the local Slack knows"),
    ],
)
def test_a_call_without_its_scope_is_found(planted: str, problem: str) -> None:
    source = f"async def planted(client, self, call, ask, c, t, n, u):\n    {planted}\n"

    problems = scope_problems(MANIFEST, shipped_sources() | {"handlers/planted.py": source})

    assert any(problem in one and "handlers/planted.py:2" in one for one in problems), problems


def test_an_event_command_or_shortcut_on_one_side_only_is_found() -> None:
    manifest = copy.deepcopy(MANIFEST)
    manifest["settings"]["event_subscriptions"]["bot_events"].append("reaction_added")
    manifest["features"]["slash_commands"].append({"command": "/approve"})
    manifest["features"]["shortcuts"].pop()

    assert listener_problems(manifest) == [
        "event reaction_added is declared and not handled",
        "command /approve is declared and not handled",
        "shortcut open_tickets is handled and not declared",
    ]
    assert listener_problems(MANIFEST, events=[*EVENTS, "team_join"]) == ["event team_join is handled and not declared"]


def test_a_button_that_leads_nowhere_is_found() -> None:
    source = 'look = button("Approve all", "request.approve_all", "1")\n'

    drawn = drawn_ids(shipped_sources() | {"handlers/views/planted.py": source})

    assert drawn - {*BUTTONS, *VIEWS} == {"request.approve_all"}
