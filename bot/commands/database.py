"""Which database a command works on: the one the settings name, or the embedded one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

from bot.settings import Settings, data_folder
from storage.database import Database, DatabaseUnavailable
from storage.embedded import start_embedded
from storage.migrate import migrate


def database_url(settings: Settings, stack: AsyncExitStack | ExitStack) -> str:
    """The URL to connect to; the embedded server stops when the stack does. Raises RuntimeError."""
    if settings.database_url is not None:
        return settings.database_url
    server = start_embedded(settings.data_folder / "postgres")
    stack.callback(server.cleanup)
    return server.get_uri()


@asynccontextmanager
async def opened(environ: Mapping[str, str] | None = None) -> AsyncIterator[Database]:
    """The database for a command that needs nothing of Slack. Raises RuntimeError, DatabaseUnavailable."""
    environ = os.environ if environ is None else environ
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
        database = Database(url, pool_size=2)
        try:
            yield database
        finally:
            await database.close()
