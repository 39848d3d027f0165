"""What Slack sends of a submitted view, value by value. A value of another shape than its input's is none at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from handlers.errors import BadInput
from handlers.views.propose_modals import INPUT_ACTION

State = Mapping[str, Any]
"""`view["state"]["values"]` as Slack sends it."""
FILL_IN = "Fill this in."
CHOOSE = "Choose one of these."
Choice = TypeVar("Choice", bound=StrEnum)


def _element(state: State, name: str) -> Mapping[str, Any]:
    block = state.get(name)
    found = block.get(INPUT_ACTION) if isinstance(block, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def raw(state: State, name: str) -> str:
    """What was typed, blanks and all."""
    found = _element(state, name).get("value")
    return found if isinstance(found, str) else ""


def text(state: State, name: str) -> str:
    """What was typed; "" for nothing."""
    return raw(state, name).strip()


def needed(state: State, name: str) -> str:
    """What was typed. Raises BadInput where there is nothing."""
    found = text(state, name)
    if not found:
        raise BadInput({name: FILL_IN})
    return found


def one(state: State, name: str) -> str:
    """The value that was chosen; "" for none."""
    option = _element(state, name).get("selected_option")
    found = option.get("value") if isinstance(option, Mapping) else None
    return found if isinstance(found, str) else ""


def many(state: State, name: str) -> tuple[str, ...]:
    """The values that were chosen, each once."""
    options = _element(state, name).get("selected_options")
    found = [one.get("value") for one in options if isinstance(one, Mapping)] if isinstance(options, list) else []
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str)))


def user(state: State, name: str) -> str | None:
    """Slack's id of the person that was chosen."""
    found = _element(state, name).get("selected_user")
    return found if isinstance(found, str) and found else None


def users(state: State, name: str) -> tuple[str, ...]:
    """Slack's ids of the people that were chosen, each once."""
    found = _element(state, name).get("selected_users")
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str))) if isinstance(found, list) else ()


def lines(state: State, name: str) -> tuple[str, ...]:
    """The lines that were typed, each once."""
    return tuple(dict.fromkeys(one.strip() for one in text(state, name).splitlines() if one.strip()))


def moment(state: State, name: str) -> datetime | None:
    """The moment that was chosen, in UTC. Raises BadInput."""
    found = _element(state, name).get("selected_date_time")
    if not isinstance(found, int):
        return None
    try:
        return datetime.fromtimestamp(found, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise BadInput({name: "That is no time I can read."}) from error


def day(state: State, name: str) -> date | None:
    """The day that was chosen. Raises BadInput."""
    found = _element(state, name).get("selected_date")
    if not isinstance(found, str) or not found:
        return None
    try:
        return date.fromisoformat(found)
    except ValueError as error:
        raise BadInput({name: "That is no day I can read."}) from error


def start(day: date | None, days: int = 0) -> datetime | None:
    """The first moment of a day in UTC, or of a day after it."""
    return datetime.combine(day, time(), UTC) + timedelta(days=days) if day else None


def choice(state: State, name: str, words: type[Choice]) -> Choice:
    """The one of these words that was chosen. Raises BadInput."""
    found = parsed([one(state, name)], words)
    if not found:
        raise BadInput({name: CHOOSE})
    return found[0]


def parsed(values: Iterable[str], words: type[Choice]) -> list[Choice]:
    """Those of the values that are among these words."""
    known = set(words)
    return [words(one) for one in values if one in known]
