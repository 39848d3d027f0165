"""How a trace names people and authors, and shows text of others, in a terminal and on a page alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from copilot.plain_markdown import EMPTY, is_hidden
from policy.case_terms import Author
from policy.terms import PersonKey

Names = Mapping[PersonKey, str]
"""What accounts are called, where that is known. For display only: names are typed by their owners."""
_PARTS_OF_THE_DESK = {"bot": "the rules", "agent:copilot": "the copilot"}


def who(person: PersonKey | None, names: Names) -> str:
    """An account, with its name where one is known."""
    if person is None:
        return "nobody known"
    return f"{names[person]} ({person})" if names.get(person, "").strip() else str(person)


def actor(text: str, names: Names) -> str:
    """Who made an entry."""
    if text in _PARTS_OF_THE_DESK:
        return _PARTS_OF_THE_DESK[text]
    try:
        return who(PersonKey.parse(text), names)
    except ValueError:
        return text


def author(one: Author, names: Names) -> str:
    """Who wrote something: a person, a model with its prompt, or the rules."""
    if one.person is not None:
        return who(one.person, names)
    if one.model:
        return f"model {one.model}, prompt {one.prompt_version or 'unknown'}"
    return f"the rules ({one.prompt_version})" if one.prompt_version else "the rules"


def moment(at: datetime | None) -> str:
    """A time in UTC, to the second; one without a zone as it stands, since none is guessed."""
    if at is None:
        return "no time"
    if at.tzinfo is None:
        return f"{at:%Y-%m-%d %H:%M:%S}, no time zone given"
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def words(name: str) -> str:
    """A name of ours as words."""
    return name.replace("_", " ")


def visible(text: str) -> str:
    """Text of others with its lines kept, and everything else that cannot be seen by its number.

    Nothing in it moves a cursor, changes a direction or hides.
    """
    lines = text.replace("\r\n", "\n").strip()
    shown = "".join(f"⟦U+{ord(one):04X}⟧" if one in "⟦⟧" or _is_unseen(one) else one for one in lines)
    return shown or EMPTY


def in_line(text: str) -> str:
    """The same on one line."""
    return visible(text).replace("\n", " ↵ ")


def _is_unseen(character: str) -> bool:
    return character != "\n" and is_hidden(character)
