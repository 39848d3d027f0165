"""Bring a database to the newest schema: ours by Alembic, the job queue's by Procrastinate's own SQL."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError

from storage.database import CONNECT_TIMEOUT_SECONDS, DatabaseUnavailable, driver_url

MIGRATION_LOCK = 0x636F756E  # any constant will do: "coun"


def migrate(url: str) -> None:
    """Apply what is missing. Safe to call from several processes at once: they take turns.

    Raises DatabaseUnavailable, with the server's own words.
    """
    engine = create_engine(driver_url(url), connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS})
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
            try:
                upgrade(connection)
            finally:
                connection.rollback()
                connection.execute(text("select pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
                connection.commit()
    except OperationalError as error:
        why = " ".join(str(error.orig).split())
        raise DatabaseUnavailable(f"DATABASE_URL: the database cannot be used: {why}") from error
    finally:
        engine.dispose()


def upgrade(connection: Connection) -> None:
    """Run the migrations on an open connection."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def alembic_config() -> Config:
    """Alembic's settings without a file: the folder beside this module."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
