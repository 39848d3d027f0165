"""DuckDB over one log file: how many rows there are, how many can be relied on, and which may be about what is asked.

The engine runs within fixed memory, reads no file but the one, has no network, installs and loads nothing, and gets
every value as a bound parameter. Rows come out as the JSON text that they are (of Parquet: that DuckDB makes of them);
what they mean is for `rows` to say, so that there is one reading of times, types and repeated keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from actions.evidence.rows import LogFields

MAX_ROW_CHARACTERS = 65_536
_BATCH_ROWS = 500

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json", ".log")
PARQUET_SUFFIX = ".parquet"
ROW_NUMBER = "file_row_number"
"""The column in which DuckDB counts the rows of a Parquet file, from 0."""

_JSON_ROWS = "SELECT json AS j FROM read_json_objects($path, format='newline_delimited', ignore_errors=true)"
_PARQUET_ROWS = "SELECT to_json(t) AS j FROM read_parquet($path, file_row_number=true) t"
_NUMBER = "try_cast(said AS DOUBLE)"
# To order rows by; what a time means is for `times` to say.
_SECONDS = (
    f"CASE WHEN {_NUMBER} IS NULL THEN epoch(try_cast(said AS TIMESTAMPTZ)) "
    f"WHEN {_NUMBER} < 1e11 THEN {_NUMBER} ELSE {_NUMBER} / 1000 END"
)
_PATTERN_MARKS = frozenset("*?[")


class UnfitName(OSError):
    """DuckDB would take the file's path for a pattern of many paths, and may not look for them."""


@dataclass(frozen=True)
class Limits:
    """What the engine may use."""

    memory_mb: int = 200
    threads: int = 2


@dataclass(frozen=True)
class Count:
    """What a file holds."""

    rows: int
    sound: int
    """Rows whose fields have the expected types."""
    first: str | None = None
    """The earliest of their times that DuckDB can read, as the row has it, and"""
    last: str | None = None
    """the latest."""


@dataclass(frozen=True)
class Candidate:
    """A row that may be about what is asked."""

    text: str
    is_sound: bool
    """The fields have the expected types."""
    names_it: bool
    """One of the words stands in it."""


class LogFile:
    """One file, open to be read. `stop` may be called from any thread."""

    def __init__(self, path: Path, fields: LogFields, limits: Limits) -> None:
        self._path, self._fields = str(path), fields
        if _PATTERN_MARKS & set(self._path):
            raise UnfitName
        self._is_parquet = path.suffix.lower() == PARQUET_SUFFIX
        self._engine = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": f"{limits.memory_mb}MB",
                "threads": str(limits.threads),
                "temp_directory": "",
            },
        )
        self._engine.execute("SET enable_progress_bar = false")  # It would be written to the bot's own output.
        self._engine.execute("SET TimeZone = 'UTC'")
        self._engine.execute("SET allowed_paths = [?]", [self._path])
        self._engine.execute("SET enable_external_access = false")
        self._engine.execute("SET lock_configuration = true")

    def close(self) -> None:
        """Let go of the file and the memory."""
        self._engine.close()

    def stop(self) -> None:
        """Break off whatever runs; whoever waits for it gets duckdb.InterruptException."""
        self._engine.interrupt()

    def count(self) -> Count:
        """What the file holds. Raises duckdb.Error if it is none of its kind."""
        times = (
            f"SELECT j, {self._is_sound} AS is_sound, json_extract_string(j, $time) AS said FROM ({self._typed_rows})"  # noqa: S608 - see _typed_rows
        )
        moments = f"SELECT is_sound, said, {_SECONDS} AS seconds FROM ({times})"  # noqa: S608 - see _typed_rows
        query = (
            "SELECT count(*), count(*) FILTER (WHERE is_sound), arg_min(said, seconds) FILTER (WHERE is_sound), "  # noqa: S608 - see _typed_rows
            f"arg_max(said, seconds) FILTER (WHERE is_sound) FROM ({moments})"
        )
        values = {"path": self._path, "names": self._names, "time": self._fields.time}
        row = self._engine.execute(query, values).fetchone()
        return Count(0, 0) if row is None else Count(int(row[0]), int(row[1]), row[2], row[3])

    def candidates(self, words: Sequence[str]) -> Iterator[Candidate]:
        """Rows in which one of the words stands, or may stand in another spelling, a few at a time."""
        values = {f"word{number}": word for number, word in enumerate(words)}
        names_it = " OR ".join(f"contains(lower(j::VARCHAR), lower(${name}))" for name in values)
        # An escaped letter could hide a name; such rows are looked at closely, as if they had it.
        query = (
            f"SELECT j::VARCHAR, {self._is_sound}, {names_it} FROM ({self._typed_rows}) "  # noqa: S608 - see _typed_rows
            f"WHERE {names_it} OR contains(j::VARCHAR, chr(92))"
        )
        found = self._engine.execute(query, {"path": self._path, "names": self._names, **values})
        while batch := found.fetchmany(_BATCH_ROWS):
            yield from (Candidate(*row) for row in batch)

    @property
    def _typed_rows(self) -> str:
        # Fixed texts: paths, field names and words are bound. One look at a row for the types of all its fields.
        rows = _PARQUET_ROWS if self._is_parquet else _JSON_ROWS
        return f"SELECT j, json_type(j, $names::VARCHAR[]) AS types FROM ({rows})"  # noqa: S608 - see above

    @property
    def _names(self) -> list[str]:
        return [self._fields.time, *self._fields.texts.values()]

    @property
    def _is_sound(self) -> str:
        """The condition that a row is short enough, has what is expected, and nothing of another type."""
        conditions = [f"strlen(j::VARCHAR) <= {MAX_ROW_CHARACTERS}"]
        for place, name in enumerate(self._names, start=1):
            if name == self._fields.time:
                conditions.append(f"types[{place}] IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'DOUBLE')")
            elif name in self._fields.needed:
                conditions.append(f"types[{place}] IN ('VARCHAR', 'BIGINT', 'UBIGINT')")
            else:
                conditions.append(f"coalesce(types[{place}] IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'NULL'), true)")
        return f"coalesce({' AND '.join(conditions)}, false)"
