"""The labelled sentences of secrets, personal data and plain tickets, and what counts as caught or touched in them."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PERSONAL = {"EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "CREDIT_CARD": "CARD", "IBAN_CODE": "IBAN"}
"""The types of personal data that have a form, and our names for them."""


@dataclass(frozen=True)
class Marked:
    """A sentence and the values in it that must not leave, by type."""

    text: str
    values: tuple[tuple[str, str], ...]
    group: str
    """Near duplicates share it: the rule or the template that made the sentence."""

    @property
    def half(self) -> int:
        return hashlib.sha256(self.group.encode()).digest()[0] % 2


def secrets(folder: Path) -> list[Marked]:
    """The sentences with secrets."""
    return [_marked(row, row["rule"]) for row in _rows(folder, "d_secrets.jsonl") if row["label"] == "secret"]


def personal(folder: Path) -> list[Marked]:
    """The sentences with personal data of any type, named in them or not."""
    return [_marked(row, str(row["template_id"])) for row in _rows(folder, "d_pii.jsonl")]


def near_misses(folder: Path) -> list[str]:
    """What a well-known scanner's authors collected as its false alarms, and some plain sentences."""
    return [row["text"] for row in _rows(folder, "d_secrets.jsonl") if row["label"] != "secret"]


def plain_tickets(folder: Path, one_in: int = 1) -> list[str]:
    """Tickets and questions without secrets; all, or a share of them that is the same each time."""
    rows = [*_rows(folder, "b_banking77_train.jsonl"), *_rows(folder, "b_it_service_train.jsonl.gz")]
    return [row["text"] for row in rows if int(hashlib.sha256(row["id"].encode()).hexdigest(), 16) % one_in == 0]


def _marked(row: Mapping[str, Any], group: str) -> Marked:
    return Marked(row["text"], tuple((span["type"], span["value"]) for span in row["spans"]), group)


def _rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    path = folder / name
    if not path.is_file():
        pytest.fail(f"{name} is missing from the labelled data")
    with gzip.open(path, "rt", encoding="utf-8") if name.endswith(".gz") else path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
