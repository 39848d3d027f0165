"""Settings: every problem in one line of its own, all at once, with where to get what is missing."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path

import psycopg
import pytest

from bot.settings import SettingsError, read_settings, wants_local_slack
from tests.conftest import REPOSITORY

GOOD = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_APP_TOKEN": "xapp-1",
    "COUNTERSIGN_TRIAGE_CHANNEL": "C0TRIAGE001",
    "COUNTERSIGN_APPROVALS_CHANNEL": "C0APPROVE01",
    "COUNTERSIGN_INTAKE_CHANNELS": "C0HELP00001, C0EXTEXT001,",
    "COUNTERSIGN_SUPPORT_GROUP": "S0SUPPORT01",
    "COUNTERSIGN_SECURITY_GROUP": "S0SECURITY1",
    "COUNTERSIGN_SUPPORT_MEMBERS": "U0OLIVIA001",
    "COUNTERSIGN_SECURITY_MEMBERS": "U0SANA00001,U0VICTOR001",
}
WHERE_TO_GET_IT = "Where to get it: "


def problems(environ: dict[str, str], data: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings({"COUNTERSIGN_DATA": str(data)} | environ)
    return caught.value.problems


def test_good_settings_are_read(tmp_path: Path) -> None:
    settings = read_settings(GOOD | {"COUNTERSIGN_DATA": str(tmp_path)})

    assert settings.desk.intake_channels == {"C0HELP00001", "C0EXTEXT001"}
    assert settings.desk.groups["security"].member_ids == {"U0SANA00001", "U0VICTOR001"}
    assert settings.http_port == 8080


def test_everything_that_is_missing_is_named_at_once_with_where_to_get_it(tmp_path: Path) -> None:
    found = problems({}, tmp_path)

    named = {line.partition(":")[0] for line in found}
    assert named == set(GOOD)
    for line in found:
        assert WHERE_TO_GET_IT in line, line
        assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SLACK_BOT_TOKEN", "xapp-1"),
        ("SLACK_APP_TOKEN", "xoxb-1"),
        ("COUNTERSIGN_TRIAGE_CHANNEL", "#desk-triage"),
        ("COUNTERSIGN_INTAKE_CHANNELS", "C0HELP00001,help"),
        ("COUNTERSIGN_INTAKE_CHANNELS", "C0TRIAGE001"),
        ("COUNTERSIGN_BREAK_GLASS_CHANNEL", "#incidents"),
        ("COUNTERSIGN_SUPPORT_GROUP", "@support"),
        ("COUNTERSIGN_SECURITY_MEMBERS", "sana"),
        ("COUNTERSIGN_VOTE_KEY", "secret"),
        ("COUNTERSIGN_VOTE_KEY", "a" * 65),
        ("COUNTERSIGN_VOTE_KEYS_OLD", "secret"),
        ("COUNTERSIGN_VOTE_KEYS_OLD", f"{'a' * 64},{'b' * 63}"),
        ("COUNTERSIGN_AUDIT_KEY", "secret"),
        ("COUNTERSIGN_AUDIT_KEYS_OLD", "secret"),
        ("COUNTERSIGN_CHECKPOINT_KEY", "a" * 66),
        ("COUNTERSIGN_CHECKPOINTS", "checkpoints.jsonl"),
        ("COUNTERSIGN_CHECKPOINTS", "file:relative"),
        ("COUNTERSIGN_CHECKPOINTS", "s3://"),
        ("COUNTERSIGN_SLACK_API_URL", "slack"),
        ("COUNTERSIGN_SLACK_API_URL", "file:///etc"),
        ("COUNTERSIGN_SLACK_API_URL", "http://[::1/"),
        ("COUNTERSIGN_SLACK_API_URL", "http://localhost:99999/"),
        ("COUNTERSIGN_INTAKE_TOKENS", "short"),
        ("COUNTERSIGN_INTAKE_SECRET", "short"),
        ("COUNTERSIGN_METRICS_TOKEN", "short"),
        ("COUNTERSIGN_HTTP_PORT", "0"),
        ("COUNTERSIGN_HTTP_PORT", "65536"),
        ("COUNTERSIGN_HTTP_PORT", "²"),
        ("COUNTERSIGN_HTTP_PORT", "9" * 5000),
        ("DATABASE_URL", "mysql://db"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, name: str, text: str) -> None:
    [line] = problems(GOOD | {name: text}, tmp_path)

    assert line.startswith(f"{name}: ")


def test_the_break_glass_channel_takes_no_tickets(tmp_path: Path) -> None:
    [line] = problems(GOOD | {"COUNTERSIGN_BREAK_GLASS_CHANNEL": "C0HELP00001"}, tmp_path)

    assert line.startswith("COUNTERSIGN_INTAKE_CHANNELS: must not name")


def test_a_secret_that_is_wrong_is_not_repeated(tmp_path: Path) -> None:
    secrets = {"SLACK_BOT_TOKEN": "hunter2", "COUNTERSIGN_VOTE_KEY": "hunter2", "COUNTERSIGN_INTAKE_TOKENS": "hunter2",
               "DATABASE_URL": "mysql://me:hunter2@db", "COUNTERSIGN_VOTE_KEYS_OLD": "hunter2"}  # fmt: skip

    found = problems(GOOD | secrets, tmp_path)

    assert len(found) == len(secrets)
    assert "hunter2" not in "\n".join(found)


def test_the_settings_do_not_print_their_secrets(tmp_path: Path) -> None:
    settings = read_settings(
        GOOD | {"SLACK_SIGNING_SECRET": "hunter2", "COUNTERSIGN_INTAKE_SECRET": "hunter2" * 4,
                "COUNTERSIGN_METRICS_TOKEN": "hunter2" * 4,
                "ANTHROPIC_API_KEY": "hunter2", "COUNTERSIGN_DATA": str(tmp_path)}
    )  # fmt: skip

    assert "hunter2" not in repr(settings) and "xoxb-1" not in repr(settings)


def test_the_vote_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    environ = GOOD | {"COUNTERSIGN_DATA": str(tmp_path)}

    first, second = read_settings(environ).vote_key, read_settings(environ).vote_key

    assert first == second and len(first) == 32
    assert stat.S_IMODE((tmp_path / "vote.key").stat().st_mode) == 0o600


def test_a_vote_key_file_that_was_cut_short_is_a_problem_and_no_key(tmp_path: Path) -> None:
    """A process killed while it made the key, or a full disk: an empty key would sign anything."""
    for content in ("", "abcd", "not hexadecimal"):
        (tmp_path / "vote.key").write_text(content)

        [line] = problems(GOOD, tmp_path)

        assert "vote.key" in line and "COUNTERSIGN_VOTE_KEY" in line


def test_the_local_slack_stands_in_only_where_no_workspace_is_named() -> None:
    assert wants_local_slack({})
    assert wants_local_slack({"SLACK_BOT_TOKEN": "  "})
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
        assert not wants_local_slack({name: "x"})


DATABASE = {"DATABASE_URL": "postgresql://db/countersign"}


def test_the_demo_is_not_started_on_a_database_that_may_be_a_real_desks() -> None:
    for environ in (DATABASE, DATABASE | {"COUNTERSIGN_DEMO": "0"}):
        with pytest.raises(SettingsError) as caught:
            wants_local_slack(environ)
        [line] = caught.value.problems
        assert line.startswith("DATABASE_URL: ")
        assert "SLACK_BOT_TOKEN" in line and "COUNTERSIGN_DEMO=1" in line

    assert wants_local_slack(DATABASE | {"COUNTERSIGN_DEMO": "1"})
    assert not wants_local_slack(DATABASE | {"SLACK_BOT_TOKEN": "x"})


async def test_tokens_that_were_lost_on_the_way_put_nobody_into_the_database(database_url: str, tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ = kept | {"DATABASE_URL": database_url, "COUNTERSIGN_DATA": str(tmp_path)}

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.cli", "run",
        cwd=REPOSITORY, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()

    assert process.returncode == 1
    assert out == b"" and err.startswith(b"DATABASE_URL: no Slack token is set"), (out, err)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from directory_people").fetchone() == (0,)


@pytest.mark.parametrize("shared", [DATABASE, {"COUNTERSIGN_ROLE": "web"}, {"COUNTERSIGN_ROLE": "worker"}])
def test_processes_that_share_a_database_make_no_vote_keys_of_their_own(tmp_path: Path, shared: dict[str, str]) -> None:
    found = problems(GOOD | shared, tmp_path)

    for name, line in zip(("COUNTERSIGN_VOTE_KEY", "COUNTERSIGN_AUDIT_KEY"), found, strict=True):
        assert line.startswith(f"{name}: is missing") and WHERE_TO_GET_IT in line
    assert not list(tmp_path.glob("*.key"))
    given = {"COUNTERSIGN_VOTE_KEY": "a" * 64, "COUNTERSIGN_AUDIT_KEY": "b" * 64}
    settings = read_settings(GOOD | shared | given)
    assert (settings.vote_key, settings.audit_key, settings.checkpoint_key) == (b"\xaa" * 32, b"\xbb" * 32, None)


def test_processes_that_write_checkpoints_together_sign_them_with_one_key(tmp_path: Path) -> None:
    keys = {"COUNTERSIGN_VOTE_KEY": "a" * 64, "COUNTERSIGN_AUDIT_KEY": "b" * 64}
    place = {"COUNTERSIGN_CHECKPOINTS": "file:/somewhere/checkpoints.jsonl"}

    [line] = problems(GOOD | DATABASE | keys | place, tmp_path)

    assert line.startswith("COUNTERSIGN_CHECKPOINT_KEY: is missing")


def test_a_missing_vote_key_is_named_together_with_everything_else(tmp_path: Path) -> None:
    assert {line.partition(":")[0] for line in problems(DATABASE, tmp_path)} == {
        *GOOD, "COUNTERSIGN_VOTE_KEY", "COUNTERSIGN_AUDIT_KEY",
    }  # fmt: skip


def test_a_demo_on_a_database_of_its_own_needs_no_vote_key(tmp_path: Path) -> None:
    environ = GOOD | DATABASE | {"COUNTERSIGN_DATA": str(tmp_path)}

    assert len(read_settings(environ, is_demo=True).vote_key) == 32


def test_old_vote_keys_are_read_beside_the_one_that_signs(tmp_path: Path) -> None:
    keys = {"COUNTERSIGN_VOTE_KEY": "cc" * 32, "COUNTERSIGN_VOTE_KEYS_OLD": f"{'aa' * 32}, {'bb' * 32},"}

    settings = read_settings(GOOD | keys | {"COUNTERSIGN_DATA": str(tmp_path)})

    assert settings.vote_key == b"\xcc" * 32
    assert settings.old_vote_keys == (b"\xaa" * 32, b"\xbb" * 32)
    assert "\\xaa" not in repr(settings) and "\\xcc" not in repr(settings)
