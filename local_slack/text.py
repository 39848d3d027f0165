"""Turns what a person types into what Slack stores: escaped text with mentions and links, plus rich text."""

from __future__ import annotations

import re

from local_slack.records import Json
from local_slack.world import World

# The order matters: ready-made references first, then links, addresses and names typed by hand. An address starts
# where a word starts: tried at each letter, a long word without an @ would take quadratic time.
_TOKEN = re.compile(
    r"<(?P<ref>[@#][A-Z0-9]+|!subteam\^[A-Z0-9]+|!here|!channel|!everyone)(?:\|[^<>]*)?>"
    r"|(?P<url>https?://[^\s<>]+)"
    r"|(?<![A-Za-z0-9._%+-])(?P<mail>[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
    r"|(?<![\w.])@(?P<name>[A-Za-z0-9_-]+)"
    r"|(?<![\w&])#(?P<room>[a-z0-9_-]+)"
)


def escape(text: str) -> str:
    """Slack's three escapes; everything else in a message is literal."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def whole(text: str) -> str:
    """The text with half characters (lone surrogates) replaced: Slack never passes any on."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def compose(world: World, typed: str) -> tuple[str, list[Json]]:
    """What a person typed -> (message text, blocks), as Slack's own client sends them.

    Web addresses become `<https://…>`, e-mail addresses `<mailto:a@b|a@b>`, and names of existing people,
    groups and channels become mentions. Control sequences a person cannot produce stay escaped text.
    """
    typed = whole(typed)
    text: list[str] = []
    elements: list[Json] = []
    position = 0
    for match in _TOKEN.finditer(typed):
        token = _token(world, match)
        if token is None:
            continue
        _add_plain(text, elements, typed[position : match.start()])
        text.append(token[0])
        elements.append(token[1])
        position = match.end()
    _add_plain(text, elements, typed[position:])
    section: Json = {"type": "rich_text_section", "elements": elements}
    return "".join(text), [{"type": "rich_text", "block_id": world.mint.secret(3), "elements": [section]}]


def _add_plain(text: list[str], elements: list[Json], plain: str) -> None:
    if plain:
        text.append(escape(plain))
        elements.append({"type": "text", "text": plain})


def _token(world: World, match: re.Match[str]) -> tuple[str, Json] | None:
    """The stored form and rich-text element of one match; None when it refers to nothing that exists."""
    if url := match["url"]:
        return f"<{escape(url)}>", {"type": "link", "url": url}
    if mail := match["mail"]:
        return f"<mailto:{mail}|{mail}>", {"type": "link", "url": f"mailto:{mail}", "text": mail}
    if ref := match["ref"]:
        return _reference(world, ref)
    if name := match["name"]:
        return _named(world, name)
    for channel in world.channels.values():
        if channel.name == match["room"] and channel.im_with is None:
            return f"<#{channel.id}|{channel.name}>", {"type": "channel", "channel_id": channel.id}
    return None


def _reference(world: World, ref: str) -> tuple[str, Json] | None:
    if ref.startswith("@") and ref[1:] in world.users:
        return f"<{ref}>", {"type": "user", "user_id": ref[1:]}
    if ref.startswith("#") and ref[1:] in world.channels:
        return f"<{ref}|{world.channels[ref[1:]].name}>", {"type": "channel", "channel_id": ref[1:]}
    if ref.startswith("!subteam^") and ref[9:] in world.groups:
        return f"<{ref}>", {"type": "usergroup", "usergroup_id": ref[9:]}
    if ref in ("!here", "!channel", "!everyone"):
        return f"<{ref}>", {"type": "broadcast", "range": ref[1:]}
    return None


def _named(world: World, name: str) -> tuple[str, Json] | None:
    if name in ("here", "channel", "everyone"):
        return f"<!{name}>", {"type": "broadcast", "range": name}
    for user in world.users.values():
        if user.handle == name:
            return f"<@{user.id}>", {"type": "user", "user_id": user.id}
    for group in world.groups.values():
        if group.handle == name:
            return f"<!subteam^{group.id}>", {"type": "usergroup", "usergroup_id": group.id}
    return None
