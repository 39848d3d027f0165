"""The inputs of a case's forms that the catalogue's forms do not have, each an `input` block named by its field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal

from handlers.views.blocks import Block, plain
from handlers.views.case_facts import EvidenceFacts, PersonFacts
from handlers.views.case_wording import evidence_label
from handlers.views.plain import has_hidden_characters, one_line
from handlers.views.propose_modals import INPUT_ACTION, FormField, input_block

TEXT_LENGTH = 3000
REASON_LENGTH = 1000
_OPTION_LENGTH = 75
_GROUP = 100
EVIDENCE_CHOSEN = 100
"""How many choices Slack takes as made before the form is opened."""
_EVIDENCE_OFFERED = 1000
_EVIDENCE_ROOM = 150_000
"""Characters of JSON for what is offered: a modal has 250,000 in all, and a letter may take six."""
_USER_ID = re.compile(r"[UW][A-Z0-9]{2,20}")

Option = tuple[str, str]
"""(value, label)"""


def text_input(
    name: str,
    label: str,
    *,
    initial: str = "",
    hint: str = "",
    is_required: bool = True,
    most: int = TEXT_LENGTH,
    is_long: bool = True,
) -> Block:
    """A text, prefilled with what can be seen in it, so that nobody sends on what they cannot see.

    What is longer than the input is left out and never cut: half of a text that is saved would be another text.
    """
    shown = without_hidden(initial)
    kept = shown if len(shown) <= most else None
    kind: Literal["text", "long_text"] = "long_text" if is_long else "text"
    return input_block(FormField(name, label, kind, hint=hint, max_length=most, is_required=is_required), kept)


def reason_input(label: str, hint: str = "Kept in the case's record.", *, is_required: bool = True) -> Block:
    """Why somebody does it."""
    return text_input("reason", label, hint=hint, most=REASON_LENGTH, is_required=is_required)


def select(name: str, label: str, options: Sequence[Option], *, initial: str = "", hint: str = "") -> Block:
    """One of several, as a menu."""
    return input_block(FormField(name, label, "select", tuple(options), hint=hint), initial)


def radio(name: str, label: str, options: Sequence[Option], *, initial: str = "", hint: str = "") -> Block:
    """One of at most ten, all in sight."""
    made = [option(value, words) for value, words in options]
    element: Block = {"type": "radio_buttons", "action_id": INPUT_ACTION, "options": made}
    chosen = next((one for one in made if one["value"] == initial), None)
    return _input(name, label, element | ({"initial_option": chosen} if chosen else {}), hint, is_required=True)


def checks(
    name: str,
    label: str,
    options: Sequence[Option],
    *,
    initial: Sequence[str] = (),
    hint: str = "",
    is_required: bool = False,
) -> Block:
    """Any of at most ten."""
    made = [option(value, words) for value, words in options]
    element: Block = {"type": "checkboxes", "action_id": INPUT_ACTION, "options": made}
    chosen = [one for one in made if one["value"] in initial]
    return _input(name, label, element | ({"initial_options": chosen} if chosen else {}), hint, is_required=is_required)


def person_input(
    name: str, label: str, who: PersonFacts | None = None, *, hint: str = "", is_required: bool = True
) -> Block:
    """One person of Slack's directory."""
    element: Block = {"type": "users_select", "action_id": INPUT_ACTION}
    known = _user_ids([who] if who else [])
    return _input(name, label, element | ({"initial_user": known[0]} if known else {}), hint, is_required=is_required)


def people_input(name: str, label: str, everyone: Sequence[PersonFacts] = (), *, hint: str = "") -> Block:
    """Any number of people."""
    element: Block = {"type": "multi_users_select", "action_id": INPUT_ACTION}
    known = _user_ids(everyone)
    return _input(name, label, element | ({"initial_users": known} if known else {}), hint, is_required=False)


def day_input(name: str, label: str, initial: date | None = None, *, hint: str = "") -> Block:
    """A day."""
    element: Block = {"type": "datepicker", "action_id": INPUT_ACTION}
    return _input(
        name, label, element | ({"initial_date": initial.isoformat()} if initial else {}), hint, is_required=False
    )


def moment_input(
    name: str, label: str, initial: datetime | None = None, *, hint: str = "", is_required: bool = False
) -> Block:
    """A moment, in the reader's own time zone."""
    element: Block = {"type": "datetimepicker", "action_id": INPUT_ACTION}
    known = {"initial_date_time": int(initial.timestamp())} if initial else {}
    return _input(name, label, element | known, hint, is_required=is_required)


def evidence_input(
    name: str, label: str, offered: Sequence[EvidenceFacts], chosen: Sequence[str] = (), *, hint: str = ""
) -> Block | None:
    """Any of the case's evidence, what is chosen before the newest; None where there is none to choose.

    At most EVIDENCE_CHOSEN may be chosen beforehand.
    """
    first = sorted(offered, key=lambda one: (one.evidence_id not in chosen, -one.number))[:_EVIDENCE_OFFERED]
    options = _that_fit(option(one.evidence_id, f"{evidence_label(one)}: {one.excerpt}") for one in first)
    if not options:
        return None
    if len(options) < len(offered):
        hint = f"{hint} The newest {len(options)} of {len(offered)} can be chosen here.".strip()
    element: Block = {"type": "multi_static_select", "action_id": INPUT_ACTION}
    if len(options) <= _GROUP:
        element["options"] = options
    else:
        element["option_groups"] = [
            {"label": plain(f"{at + 1} to {min(at + _GROUP, len(options))}"), "options": options[at : at + _GROUP]}
            for at in range(0, len(options), _GROUP)
        ]
    initial = [one for one in options if one["value"] in chosen]
    return _input(name, label, element | ({"initial_options": initial} if initial else {}), hint, is_required=False)


def _that_fit(options: Iterable[Block]) -> list[Block]:
    found, room = [], _EVIDENCE_ROOM
    for one in options:
        room -= len(json.dumps(one))
        if room < 0:
            break
        found.append(one)
    return found


def option(value: str, label: str) -> Block:
    return {"text": plain(one_line(label, _OPTION_LENGTH, where="")), "value": value}


def without_hidden(text: str) -> str:
    """The text without what a text field would not show."""
    lines = text.replace("\r\n", "\n")
    return "".join(one for one in lines if not has_hidden_characters(one)) if has_hidden_characters(lines) else lines


def _user_ids(everyone: Sequence[PersonFacts]) -> list[str]:
    return [who.user_id for who in everyone if who.user_id and _USER_ID.fullmatch(who.user_id)]


def _input(name: str, label: str, element: Block, hint: str, *, is_required: bool) -> Block:
    made: Block = {
        "type": "input",
        "block_id": name,
        "label": plain(label),
        "element": element,
        "optional": not is_required,
    }
    return made | ({"hint": plain(hint)} if hint else {})
