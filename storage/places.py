"""Second places for checkpoints: where whoever owns the database cannot change what was said of it.

A place holds numbered lines. It is asked what its last number is and gets what comes after, so that it catches up by
itself after it was away, and a restart needs no memory of what was sent.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Protocol

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

TIMEOUT = "10s"
_FORM = "must be file:/path/of/a/file or s3://bucket/prefix"


class PlaceUnavailable(Exception):
    """The place did not take or give what was asked. Nothing is lost: it is tried again."""


class Place(Protocol):
    """Where numbered lines are kept."""

    name: str

    async def last(self) -> tuple[int, str] | None:
        """The last line there with its number; None if there is none. Raises PlaceUnavailable."""
        ...

    async def put(self, number: int, line: str) -> None:
        """Keep a line durably; one that is there stays as it is. Raises PlaceUnavailable."""
        ...

    def lines(self) -> AsyncIterator[str]:
        """Every line, in order. Raises PlaceUnavailable."""
        ...


def check_place(url: str) -> None:
    """Raises ValueError, with words, where this names no place."""
    scheme, _, rest = url.partition(":")
    if scheme == "file" and rest.startswith("/") and not rest.endswith("/"):
        return
    bucket = rest.removeprefix("//").partition("/")[0]
    if scheme == "s3" and rest.startswith("//") and bucket:
        return
    raise ValueError(f"{url!r} {_FORM}")


def place_of(url: str) -> Place:
    """The place that an address names. Raises ValueError."""
    check_place(url)
    if url.startswith("file:"):
        return FilePlace(Path("/" + url.removeprefix("file:").lstrip("/")))
    return ObjectPlace(url)


class FilePlace:
    """A file of JSON lines, on another disk or another machine's; each line is on the disk before it counts.

    It is only ever appended to, so it may be one that can only be appended to. What a crash left of a line stays, and
    the whole line follows on a line of its own; a reader leaves out a line that is the beginning of the next.
    """

    def __init__(self, file: Path) -> None:
        self.name = f"file:{file}"
        self._file = file

    async def last(self) -> tuple[int, str] | None:
        return await asyncio.to_thread(self._last)

    async def put(self, number: int, line: str) -> None:
        await asyncio.to_thread(self._put, number, line)

    async def lines(self) -> AsyncIterator[str]:
        for line in await asyncio.to_thread(self._lines):
            yield line

    def _last(self) -> tuple[int, str] | None:
        with self._opened() as file:
            return _last_line(file)

    def _put(self, number: int, line: str) -> None:
        with self._opened() as file:
            last = _last_line(file)
            if last is not None and last[0] >= number:
                return  # Another process was faster.
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            is_torn = file.read(1) not in (b"", b"\n")
            file.write(b"\n" * is_torn + line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _lines(self) -> list[str]:
        # As it is between two writings, and without making one that is not there.
        with self._opened("rb", fcntl.LOCK_SH) as file:
            lines = file.read().decode().split("\n")  # after the last line's end there is nothing, or half a line
        return [line for line, following in pairwise(lines) if not following.startswith(line) or not following]

    @contextmanager
    def _opened(self, mode: str = "a+b", lock: int = fcntl.LOCK_EX) -> Iterator[IO[bytes]]:
        """The file, locked against other processes of the desk."""
        try:
            with self._file.open(mode) as file:
                fcntl.flock(file, lock)
                yield file
        except (OSError, ValueError) as error:
            raise PlaceUnavailable(f"{self.name}: {error}") from error


def _last_line(file: IO[bytes]) -> tuple[int, str] | None:
    """The last whole line with its number, read from the end."""
    end = start = file.seek(0, os.SEEK_END)
    while start > 0:
        start = max(0, start - 65536)
        file.seek(start)
        lines = file.read(end - start).split(b"\n")[:-1]
        for line in reversed(lines if start == 0 else lines[1:]):
            if (number := _number(line)) is not None:
                return number, line.decode()
    return None


def _number(line: bytes) -> int | None:
    try:
        return int(json.loads(line)["head"]["number"])
    except (ValueError, KeyError, TypeError):
        return None  # Half a line, or nothing of ours: `audit verify` says so.


class ObjectPlace:
    """A prefix of a bucket: one object for each line, which is never written over.

    Credentials, region and endpoint come from the environment, as AWS's own tools read them (AWS_ACCESS_KEY_ID, …,
    AWS_ENDPOINT_URL).
    """

    def __init__(self, url: str) -> None:
        self.name = url.rstrip("/")
        bucket, _, prefix = url.removeprefix("s3://").strip("/").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        is_plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        self._store = S3Store(
            bucket,
            client_options={"timeout": TIMEOUT, "connect_timeout": TIMEOUT, "allow_http": is_plain},
            retry_config={"max_retries": 1},
        )
        self._last: int | None = None

    async def last(self) -> tuple[int, str] | None:
        if self._last is None:
            found = [int(path.rpartition("/")[2].removesuffix(".json")) async for path in self._paths()]
            self._last = max(found, default=0)
        return (self._last, await self._line(self._path(self._last))) if self._last else None

    async def put(self, number: int, line: str) -> None:
        try:
            await obstore.put_async(self._store, self._path(number), line.encode(), mode="create", use_multipart=False)
        except AlreadyExistsError:
            pass  # Another process was faster.
        except BaseError as error:
            self._last = None
            raise PlaceUnavailable(f"{self.name}: {error}") from error
        self._last = number

    async def lines(self) -> AsyncIterator[str]:
        for path in sorted([path async for path in self._paths()]):
            yield await self._line(path)

    async def _line(self, path: str) -> str:
        try:
            found = await obstore.get_async(self._store, path)
            return bytes(await found.bytes_async()).decode()
        except (BaseError, UnicodeDecodeError) as error:
            raise PlaceUnavailable(f"{self.name}: {error}") from error

    def _path(self, number: int) -> str:
        return f"{self._prefix}{number:012d}.json"

    async def _paths(self) -> AsyncIterator[str]:
        try:
            async for batch in obstore.list(self._store, prefix=self._prefix or None):
                for found in batch:
                    if found["path"].endswith(".json"):
                        yield found["path"]
        except BaseError as error:
            raise PlaceUnavailable(f"{self.name}: {error}") from error
