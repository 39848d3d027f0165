"""Where the sources of evidence are, from the environment: every problem is named at the start.

A source that is not set is no problem: a case then has a gap in its place, which says so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from actions.evidence.duck import JSON_SUFFIXES, PARQUET_SUFFIX, Limits
from actions.evidence.rows import ATTACHMENT_WORDS, LogFields, access_log_fields, attachment_trail_fields
from bot.keys import Problem

DEFAULT_MEMORY_MB = Limits().memory_mb
LEAST_MEMORY_MB, MOST_MEMORY_MB = 150, 100_000
"""With 130 a long log can still be read, with 100 it cannot."""

_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,20}")
_LOGS = ("access_log", "attachment_trail")
_FIXED = frozenset({"object_fact"})
"""What rules call a field is no matter of settings."""


@dataclass(frozen=True)
class EvidenceSettings:
    """Where each source is; None where it is not set up."""

    access_log: Path | None = None
    attachment_trail: Path | None = None
    knowledge_base: Path | None = None
    escalation_channel: str | None = None
    memory_mb: int = DEFAULT_MEMORY_MB
    """What reading logs may use, all of them together."""
    access_log_fields: LogFields = field(default_factory=access_log_fields)
    attachment_trail_fields: LogFields = field(default_factory=attachment_trail_fields)


def read_evidence_settings(environ: Mapping[str, str], problem: Problem) -> EvidenceSettings:
    """The settings; what is wrong goes to `problem`."""
    changes = _field_names(environ, problem)
    return EvidenceSettings(
        access_log=_log(environ, "COUNTERSIGN_ACCESS_LOG", problem),
        attachment_trail=_log(environ, "COUNTERSIGN_ATTACHMENT_TRAIL", problem),
        knowledge_base=_folder(environ, "COUNTERSIGN_KNOWLEDGE_BASE", problem),
        escalation_channel=_channel(environ, "COUNTERSIGN_ESCALATION_CHANNEL", problem),
        memory_mb=_memory(environ, "COUNTERSIGN_EVIDENCE_MEMORY_MB", problem),
        access_log_fields=_fields("access_log", changes, problem),
        attachment_trail_fields=_fields("attachment_trail", changes, problem),
    )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    found = environ.get(name, "").strip()
    return Path(found).expanduser().resolve() if found else None


def _log(environ: Mapping[str, str], name: str, problem: Problem) -> Path | None:
    place = _path(environ, name)
    kinds = ", ".join((*JSON_SUFFIXES, PARQUET_SUFFIX))
    if place is None:
        return None
    if not place.exists():
        problem(name, f"there is no file or folder {place}")
    elif place.is_file() and place.suffix.lower() not in (*JSON_SUFFIXES, PARQUET_SUFFIX):
        problem(name, f"{place} is not one of {kinds}")
    elif set("*?[") & set(str(place)):
        problem(name, f"{place} has one of the characters * ? [, which would stand for many files; rename it")
    return place


def _folder(environ: Mapping[str, str], name: str, problem: Problem) -> Path | None:
    place = _path(environ, name)
    if place is not None and not place.is_dir():
        problem(name, f"there is no folder {place}")
    return place


def _channel(environ: Mapping[str, str], name: str, problem: Problem) -> str | None:
    found = environ.get(name, "").strip() or None
    if found is None:
        return None
    if not _CHANNEL.fullmatch(found):
        problem(name, f"{found!r} is not a channel id")
    elif found in {one.strip() for one in environ.get("COUNTERSIGN_INTAKE_CHANNELS", "").split(",")}:
        problem(name, "must not be one of COUNTERSIGN_INTAKE_CHANNELS: what is escalated is no ticket")
    return found


def _memory(environ: Mapping[str, str], name: str, problem: Problem) -> int:
    found = environ.get(name, "").strip()
    if not found:
        return DEFAULT_MEMORY_MB
    if not (found.isascii() and found.isdecimal() and LEAST_MEMORY_MB <= int(found[:9]) <= MOST_MEMORY_MB):
        problem(name, f"{found!r} is not a whole number from {LEAST_MEMORY_MB} to {MOST_MEMORY_MB}")
        return DEFAULT_MEMORY_MB
    return int(found)


def _field_names(environ: Mapping[str, str], problem: Problem) -> dict[str, Any]:
    """The tables of the TOML file that says what each log calls its fields."""
    name = "COUNTERSIGN_LOG_FIELDS"
    place = _path(environ, name)
    if place is None:
        return {}
    try:
        tables = tomllib.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # a file that is no UTF-8 or no TOML is a ValueError
        why = error.strerror if isinstance(error, OSError) else error
        problem(name, f"{place} cannot be read: {' '.join(str(why).split())}")
        return {}
    for one, table in tables.items():
        if one not in _LOGS or not isinstance(table, dict):
            problem(name, f"{one!r} in {place} is not a table [{'] or ['.join(_LOGS)}]")
    return {one: table for one, table in tables.items() if one in _LOGS and isinstance(table, dict)}


def _fields(log: str, tables: Mapping[str, Any], problem: Problem) -> LogFields:
    changes = dict(tables.get(log, {}))
    is_trail = log == "attachment_trail"
    usual = attachment_trail_fields if is_trail else access_log_fields
    words, expected = changes.get("action_words"), changes.get("expected")
    if isinstance(words, dict):
        own = {word.lower(): meaning for word, meaning in words.items()}
        changes["action_words"] = {**(ATTACHMENT_WORDS if is_trail else {}), **own}
    if isinstance(expected, list):
        changes["expected"] = tuple(expected)
    unknown = sorted((set(changes) - set(LogFields.model_fields)) | (set(changes) & _FIXED))
    try:
        fields = usual(**{name: value for name, value in changes.items() if name not in unknown})
    except ValidationError as error:
        names = sorted({str(detail["loc"][0]) for detail in error.errors()})
        problem("COUNTERSIGN_LOG_FIELDS", f"[{log}] {', '.join(names)}: not the name of a field of a log's row")
        return usual()
    strange = sorted(set(fields.expected) - {*LogFields.model_fields} | (set(fields.expected) & _NOT_EXPECTED))
    for one in [*unknown, *strange]:
        problem("COUNTERSIGN_LOG_FIELDS", f"[{log}] {one!r} is none of {', '.join(_NAMES)}")
    return usual() if strange else fields


_NAMES = ("time", "principal", "action", "object", "object_name", "session", "ip", "event_id")
_NOT_EXPECTED = frozenset(LogFields.model_fields) - set(_NAMES)
