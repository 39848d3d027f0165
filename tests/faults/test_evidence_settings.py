"""Where the sources are: what is wrong is one readable line at the start, and what is not set is no problem."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actions.evidence.rows import ATTACHMENT_WORDS
from bot.evidence_settings import EvidenceSettings
from bot.settings import SettingsError, read_settings
from tests.faults.test_settings import GOOD


def evidence(tmp_path: Path, **environ: str) -> EvidenceSettings:
    return read_settings(GOOD | {"COUNTERSIGN_DATA": str(tmp_path)} | environ).evidence


def problems(tmp_path: Path, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        evidence(tmp_path, **environ)
    return caught.value.problems


def test_nothing_set_is_no_problem(tmp_path: Path) -> None:
    assert evidence(tmp_path) == EvidenceSettings()


def test_everything_set_is_read(tmp_path: Path) -> None:
    (tmp_path / "trail.PARQUET").write_bytes(b"")
    (tmp_path / "fields.toml").write_text(
        '[access_log]\ntime = "ts"\n[attachment_trail]\nobject = "file_id"\nexpected = ["object", "principal"]\n'
        '[attachment_trail.action_words]\nFile_Opened = "preview"\n'
    )

    settings = evidence(
        tmp_path,
        COUNTERSIGN_ACCESS_LOG=str(tmp_path),
        COUNTERSIGN_ATTACHMENT_TRAIL=str(tmp_path / "trail.PARQUET"),
        COUNTERSIGN_KNOWLEDGE_BASE=str(tmp_path),
        COUNTERSIGN_ESCALATION_CHANNEL="C0ESCALATE1",
        COUNTERSIGN_EVIDENCE_MEMORY_MB="300",
        COUNTERSIGN_LOG_FIELDS=str(tmp_path / "fields.toml"),
    )

    assert (settings.access_log, settings.knowledge_base) == (tmp_path.resolve(), tmp_path.resolve())
    assert (settings.escalation_channel, settings.memory_mb) == ("C0ESCALATE1", 300)
    assert (settings.access_log_fields.time, settings.access_log_fields.principal) == ("ts", "principal")
    trail = settings.attachment_trail_fields
    assert (trail.object, trail.expected, trail.object_fact) == ("file_id", ("object", "principal"), "attachment_id")
    assert trail.action_words == {**ATTACHMENT_WORDS, "file_opened": "preview"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("COUNTERSIGN_ACCESS_LOG", "nowhere.jsonl", "there is no file or folder"),
        ("COUNTERSIGN_ACCESS_LOG", "notes.txt", "is not one of .jsonl"),
        ("COUNTERSIGN_ATTACHMENT_TRAIL", "odd[1].jsonl", "would stand for many files"),
        ("COUNTERSIGN_KNOWLEDGE_BASE", "notes.txt", "there is no folder"),
        ("COUNTERSIGN_ESCALATION_CHANNEL", "#escalations", "is not a channel id"),
        ("COUNTERSIGN_ESCALATION_CHANNEL", "C0HELP00001", "must not be one of COUNTERSIGN_INTAKE_CHANNELS"),
        ("COUNTERSIGN_EVIDENCE_MEMORY_MB", "149", "is not a whole number from 150"),
        ("COUNTERSIGN_EVIDENCE_MEMORY_MB", "²", "is not a whole number"),
        ("COUNTERSIGN_EVIDENCE_MEMORY_MB", "-200", "is not a whole number"),
        ("COUNTERSIGN_LOG_FIELDS", "nowhere.toml", "cannot be read: No such file"),
        ("COUNTERSIGN_LOG_FIELDS", "notes.txt", "cannot be read: "),
        ("COUNTERSIGN_LOG_FIELDS", "binary.toml", "cannot be read: "),
        ("COUNTERSIGN_LOG_FIELDS", "table.toml", "'acces_log'"),
        ("COUNTERSIGN_LOG_FIELDS", "name.toml", "[access_log] 'user'"),
        ("COUNTERSIGN_LOG_FIELDS", "fact.toml", "[access_log] 'object_fact'"),
        ("COUNTERSIGN_LOG_FIELDS", "type.toml", "[access_log] principal, time: not the name"),
        ("COUNTERSIGN_LOG_FIELDS", "expected.toml", "[access_log] 'action_words'"),
        ("COUNTERSIGN_LOG_FIELDS", "words.toml", "[attachment_trail] action_words: not the name"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, name: str, text: str, words: str) -> None:
    for file, content in {
        "notes.txt": "no TOML\nat all",
        "odd[1].jsonl": "",
        "binary.toml": "\udcff",
        "table.toml": '[acces_log]\ntime = "ts"\n',
        "name.toml": '[access_log]\nuser = "u"\n',
        "fact.toml": '[access_log]\nobject_fact = "status"\n',
        "type.toml": '[access_log]\ntime = 1\nprincipal = "$.user"\n',
        "expected.toml": '[access_log]\nexpected = ["principal", "action_words"]\n',
        "words.toml": "[attachment_trail.action_words]\nopened = 1\n",
    }.items():
        (tmp_path / file).write_bytes(os.fsencode(content))
    value = (
        text if name in ("COUNTERSIGN_ESCALATION_CHANNEL", "COUNTERSIGN_EVIDENCE_MEMORY_MB") else f"{tmp_path}/{text}"
    )

    [line] = problems(tmp_path, **{name: value})

    assert line.startswith(f"{name}: ") and words in line and "\n" not in line
