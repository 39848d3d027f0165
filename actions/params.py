"""The parameters of each action, as they travel: one model per action, and its refusals in words.

Field names are the wire names, so that what is shown, hashed and stored is one text; hence `keyId`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from actions.wording import (
    BASIS_LIMIT,
    HANDOFF_LIMIT,
    NOTE_LIMIT,
    PATTERNS_IN_WORDS,
    REASON_LIMIT,
    REPLY_LIMIT,
    CaseId,
    Category,
    DraftId,
    Email,
    KeyId,
    Prose,
    SlackUserId,
)
from policy.terms import Severity


class ActionParams(BaseModel):
    """What all parameters share: nothing unknown, nothing converted in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class AddInternalNote(ActionParams):
    note: Annotated[Prose, Field(min_length=1, max_length=NOTE_LIMIT, description="what the note says")]


class SetSeverity(ActionParams):
    # Strict mode would accept only the enum's own members; JSON and forms carry their text.
    severity: Annotated[Severity, Field(strict=False, description="how urgent it is")]


class SetCategory(ActionParams):
    category: Category


class Assign(ActionParams):
    assignee: SlackUserId


class ReplyToCustomer(ActionParams):
    text: Annotated[Prose, Field(min_length=1, max_length=REPLY_LIMIT, description="the reply, word for word")]


class _OfCase(ActionParams):
    caseId: CaseId
    draftId: DraftId
    revision: Annotated[int, Field(ge=1, description="the revision of the draft")]
    basis: Annotated[str, Field(max_length=BASIS_LIMIT, description="what it rests on, which must still be so")]


class SendCustomerUpdate(_OfCase):
    text: Annotated[Prose, Field(min_length=1, max_length=REPLY_LIMIT, description="the update, word for word")]


class HandOffCase(_OfCase):
    text: Annotated[Prose, Field(min_length=1, max_length=HANDOFF_LIMIT, description="the handoff, word for word")]


class _WithReason(ActionParams):
    reason: Annotated[Prose, Field(min_length=1, max_length=REASON_LIMIT, description="why, in a sentence")]


class Close(_WithReason):
    pass


class Reopen(_WithReason):
    pass


class _OnKey(ActionParams):
    keyId: KeyId


class RevokeApiKey(_OnKey):
    pass


class RestoreApiKey(_OnKey):
    pass


class _OnPerson(ActionParams):
    email: Email


class SuspendUser(_OnPerson):
    pass


class RestoreUser(_OnPerson):
    pass


def readable_problems(error: ValidationError) -> dict[str, str]:
    """One message per refused field, fit for a form; what is wrong with the whole is filed under '*'."""
    problems: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_context=True):
        name = str(detail["loc"][0]) if detail["loc"] else "*"
        problems.setdefault(name, _in_words(detail))
    return problems


def _in_words(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "Is required."
        case "extra_forbidden":
            return "Is not a parameter of this action."
        case "string_type":
            return "Must be text."
        case "string_unicode":
            return "Is not valid text."
        case "string_too_short" | "too_short":
            return "Must not be blank."
        case "string_too_long" | "too_long":
            return f"Is too long: at most {context['max_length']} characters."
        case "enum":
            return f"Must be {context['expected'].replace(chr(39), '')}."
        case "string_pattern_mismatch":
            return f"Must be {PATTERNS_IN_WORDS[context['pattern']]}."
        case "model_type" | "model_attributes_type":
            return "Must be an object of named values."
        case "unseen_character" | "blank":
            return detail["msg"]
    return "Is not a value this action takes."
