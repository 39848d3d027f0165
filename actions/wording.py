"""The kinds of values that actions take: prose, one-line names, key ids, e-mail addresses, Slack ids.

One rule covers all text: what a person reads on a card must be all there is. So characters that show nothing or
reorder what is shown are refused rather than dropped: dropping would run something other than what was typed.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

NOTE_LIMIT = 2000
REPLY_LIMIT = 3000  # also the limit of a text input in a Slack modal
HANDOFF_LIMIT = 9000  # what a card can show whole beside all else
BASIS_LIMIT = 6000
REASON_LIMIT = 500
NAME_LIMIT = 200

_LAYOUT = frozenset("\n\t")
_JOINERS = frozenset("\u200c\u200d")  # Persian, Indic scripts and composed emoji cannot be written without them
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters by category that show as nothing
_SELECTORS = range(0xE0100, 0xE01F0)  # invisible, and long runs of them can carry a hidden text


def unseen_character(text: str, allowed: frozenset[str] = _LAYOUT) -> str | None:
    """The first character of `text` that shows nothing or changes the order of others, as 'U+202E'; else None."""
    for character in text:
        if character in allowed or character in _JOINERS:
            continue
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") or ord(character) in _SELECTORS:
            return f"U+{ord(character):04X}"
    return None


def is_blank(text: str) -> bool:
    """Whether a reader would see nothing at all."""
    return all(
        character.isspace() or character in _BLANK_LETTERS or unicodedata.category(character)[0] in "CM"
        for character in text
    )


def _prose(text: str) -> str:
    return _seen(text.replace("\r\n", "\n").replace("\r", "\n").strip(), _LAYOUT)


def _one_line(text: str) -> str:
    return _seen(text.strip(), frozenset())


def _seen(text: str, allowed: frozenset[str]) -> str:
    if (character := unseen_character(text, allowed)) is not None:
        raise PydanticCustomError(
            "unseen_character",
            "Contains {character}, a character that cannot be seen. Remove it.",
            {"character": character},
        )
    if is_blank(text):
        raise PydanticCustomError("blank", "Must not be blank.")
    return text


Prose = Annotated[str, AfterValidator(_prose)]
"""Text of several lines, trimmed, with every line break as a newline."""

Name = Annotated[str, Field(max_length=NAME_LIMIT), AfterValidator(_one_line)]
"""One line that a person reads, trimmed."""

_LOCAL = r"[A-Za-z0-9_%+'\-]+(\.[A-Za-z0-9_%+'\-]+)*"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"

KEY_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.\-]{2,127}$"
EMAIL_PATTERN = rf"^{_LOCAL}@({_LABEL}\.)+{_LABEL}$"
SLACK_USER_PATTERN = r"^[UW][A-Z0-9]{2,20}$"
SLACK_HOME_PATTERN = r"^[TE][A-Z0-9]{2,20}$"
CATEGORY_PATTERN = r"^[a-z][a-z_]{1,40}$"
CASE_ID_PATTERN = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
DRAFT_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}$"

PATTERNS_IN_WORDS = {
    KEY_ID_PATTERN: "an API key's id: 3 to 128 letters, digits, '_', '-' or '.'",
    EMAIL_PATTERN: "an e-mail address in plain ASCII letters",
    SLACK_USER_PATTERN: "a Slack user id such as U024BE7LH",
    SLACK_HOME_PATTERN: "a Slack workspace id (T…) or Enterprise id (E…)",
    CATEGORY_PATTERN: "a category in lower-case letters and '_'",
    CASE_ID_PATTERN: "a case's id, as the case itself gives it",
    DRAFT_ID_PATTERN: "a draft's id, as its case gives it",
}
"""What to tell a person whose value does not fit."""


KeyId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=KEY_ID_PATTERN),
    Field(title="API key id", description=PATTERNS_IN_WORDS[KEY_ID_PATTERN]),
]
"""The id of a key, never its secret. Case counts."""

CaseId = Annotated[
    str,
    StringConstraints(pattern=CASE_ID_PATTERN),
    Field(description=PATTERNS_IN_WORDS[CASE_ID_PATTERN]),
]
DraftId = Annotated[
    str,
    StringConstraints(pattern=DRAFT_ID_PATTERN),
    Field(description=PATTERNS_IN_WORDS[DRAFT_ID_PATTERN]),
]

Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, max_length=254, pattern=EMAIL_PATTERN),
    Field(title="E-mail address", description=PATTERNS_IN_WORDS[EMAIL_PATTERN]),
]
"""An address in lower case: a directory's addresses have none. ASCII only, so that a look-alike letter cannot
name another person."""

SlackUserId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=SLACK_USER_PATTERN),
    Field(description=PATTERNS_IN_WORDS[SLACK_USER_PATTERN], json_schema_extra={"format": "slack-user-id"}),
]
SlackHomeId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=SLACK_HOME_PATTERN),
    Field(description=PATTERNS_IN_WORDS[SLACK_HOME_PATTERN]),
]
Category = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=CATEGORY_PATTERN),
    Field(description=PATTERNS_IN_WORDS[CATEGORY_PATTERN]),
]
