"""Which database a command works on: the one the settings name, or the embedded one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

from bot.keys import AUDIT, CHECKPOINT, VOTE, KeyName, given_key, given_keys, key_in_file
from bot.settings import Settings, SettingsError, data_folder, given_places
from policy.votes import VoteSigner
from storage.audit_keys import AuditKeys
from storage.database import Database, DatabaseUnavailable
from storage.embedded import start_embedded
from storage.migrate import migrate
from storage.notary import Notary


def database_url(settings: Settings, stack: AsyncExitStack | ExitStack) -> str:
    """The URL to connect to; the embedded server stops when the stack does. Raises RuntimeError."""
    if settings.database_url is not None:
        return settings.database_url
    server = start_embedded(settings.data_folder / "postgres")
    stack.callback(server.cleanup)
    return server.get_uri()


@asynccontextmanager
async def opened(environ: Mapping[str, str] | None = None, *, writes: bool = False) -> AsyncIterator[Database]:
    """The database for a command that needs nothing of Slack.

    `writes`: the command adds to the trail, so it needs the desk's audit key. Raises RuntimeError, DatabaseUnavailable,
    SettingsError.
    """
    environ = os.environ if environ is None else environ
    keys = audit_keys(environ, is_needed=writes)
    with ExitStack() as stack:
        url = environ.get("DATABASE_URL", "").strip()
        if not url:
            server = start_embedded(data_folder(environ) / "postgres")
            stack.callback(server.cleanup)
            url = server.get_uri()
        try:
            migrate(url)
        except ValueError as error:  # not the URL of a PostgreSQL database
            raise DatabaseUnavailable(str(error)) from error
        database = Database(url, audit_keys=keys, pool_size=2)
        try:
            yield database
        finally:
            await database.close()


def audit_keys(environ: Mapping[str, str], *, is_needed: bool) -> AuditKeys | None:
    """The desk's audit keys; None where a command that only reads finds none. Raises SettingsError."""
    current = command_key(environ, AUDIT, is_needed=is_needed)
    old = command_old_keys(environ, "COUNTERSIGN_AUDIT_KEYS_OLD")
    return None if current is None else AuditKeys(current, old)


def command_signer(environ: Mapping[str, str], *, is_needed: bool = False) -> VoteSigner | None:
    """What votes are verified with; None where a command that only looks finds no vote key. Raises SettingsError."""
    current = command_key(environ, VOTE, is_needed=is_needed)
    old = command_old_keys(environ, "COUNTERSIGN_VOTE_KEYS_OLD")
    return None if current is None else VoteSigner.of_secrets(current, old)


def command_notary(environ: Mapping[str, str], *, is_needed: bool = False) -> Notary | None:
    """What signs receipts and checkpoints; None where a command that only looks finds no key. Raises SettingsError."""
    current = command_key(environ, CHECKPOINT, is_needed=is_needed)
    return None if current is None else Notary(current)


def command_places(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where the bot's checkpoints go. Raises SettingsError."""
    problems: list[str] = []
    found = given_places(environ, lambda name, what: problems.append(f"{name}: {what}"))
    if problems:
        raise SettingsError(problems)
    return found


def command_old_keys(environ: Mapping[str, str], setting: str) -> tuple[bytes, ...]:
    """Earlier keys, from the environment. Raises SettingsError."""
    problems: list[str] = []
    found = given_keys(environ, setting, lambda name, what: problems.append(f"{name}: {what}"))
    if problems:
        raise SettingsError(problems)
    return found


def command_key(environ: Mapping[str, str], name: KeyName, *, is_needed: bool) -> bytes | None:
    """A key as the bot has it: from the environment, or from the data folder where the bot would look there.

    Only a command that needs a key makes one. Raises SettingsError.
    """
    problems: list[str] = []

    def problem(setting: str, what: str) -> None:
        problems.append(f"{setting}: {what}")

    found = given_key(environ, name, problem)
    folder = data_folder(environ)
    is_shared = environ.get("DATABASE_URL", "").strip() and environ.get("COUNTERSIGN_DEMO", "").strip() != "1"
    if found is None and not problems and not is_shared and (is_needed or (folder / name.file).exists()):
        found = key_in_file(folder, name, problem)
    if found is None and not problems and is_needed:
        problem(name.setting, "is missing: the same value as the bot's is needed")
    if problems:
        raise SettingsError(problems)
    return found
