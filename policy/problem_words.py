"""What a validator finds wrong with a value, in words that say what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS: Mapping[str, str] = {
    "missing": "is missing; add it",
    "extra_forbidden": "there is no such key; take it out, or look for a slip in its name",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "string_type": "must be text in quotes",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "string_pattern_mismatch": "must be lower-case letters, digits and underscores, beginning with a letter",
    "string_too_short": "must have at least {min_length} characters",
    "too_short": "must name at least {min_length}",
    "frozen_set_type": 'must be a list in brackets, such as ["support", "security"]',
    "tuple_type": 'must be a list in brackets, such as ["support", "security"]',
    "dict_type": "must be a section of its own, such as [risk.high]",
    "model_type": "must be a section of its own, such as [risk.high]",
    "model_attributes_type": "must be an object in braces",
}


def what_is_wrong(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors in words; its own where none are better."""
    about = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(about["error"])
    words = _WORDS.get(error["type"])
    return str(error["msg"]) if words is None else words.format_map(about)
