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

    async def last_number(self) -> int:
        """The number of the last line there; 0 if there is none. Raises PlaceUnavailable."""
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
    """A file of JSON lines, on another disk or another machine's; each line is on the disk before it counts."""

    def __init__(self, file: Path) -> None:
        self.name = f"file:{file}"
        self._file = file

    async def last_number(self) -> int:
        return await asyncio.to_thread(self._last_number)

    async def put(self, number: int, line: str) -> None:
        await asyncio.to_thread(self._put, number, line)

    async def lines(self) -> AsyncIterator[str]:
        try:
            with self._file.open(encoding="utf-8") as file:
                for line in file:
                    yield line.rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise PlaceUnavailable(f"{self.name}: {error}") from error

    def _last_number(self) -> int:
        with self._opened() as file:
            return _last(file)

    def _put(self, number: int, line: str) -> None:
        with self._opened() as file:
            if _last(file) >= number:
                return  # Another process was faster.
            file.seek(0, os.SEEK_END)
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """The file, locked against other processes of the desk."""
        try:
            with self._file.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PlaceUnavailable(f"{self.name}: {error}") from error


def _last(file: IO[bytes]) -> int:
    """The number of the last whole line; what a crash cut off after it is taken away."""
    end = file.seek(0, os.SEEK_END)
    tail, start = b"", end
    while start > 0 and tail.count(b"\n") < 2:
        start = max(0, start - 65536)
        file.seek(start)
        tail = file.read(end - start)
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        file.truncate(start + whole)
    lines = tail[:whole].splitlines()
    return int(json.loads(lines[-1])["head"]["number"]) if lines else 0


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

    async def last_number(self) -> int:
        if self._last is None:
            found = [int(path.rpartition("/")[2].removesuffix(".json")) async for path in self._paths()]
            self._last = max(found, default=0)
        return self._last

    async def put(self, number: int, line: str) -> None:
        path = f"{self._prefix}{number:012d}.json"
        try:
            await obstore.put_async(self._store, path, line.encode(), mode="create", use_multipart=False)
        except AlreadyExistsError:
            pass  # Another process was faster.
        except BaseError as error:
            self._last = None
            raise PlaceUnavailable(f"{self.name}: {error}") from error
        self._last = number

    async def lines(self) -> AsyncIterator[str]:
        try:
            for path in sorted([path async for path in self._paths()]):
                found = await obstore.get_async(self._store, path)
                yield bytes(await found.bytes_async()).decode()
        except (BaseError, UnicodeDecodeError) as error:
            raise PlaceUnavailable(f"{self.name}: {error}") from error

    async def _paths(self) -> AsyncIterator[str]:
        try:
            async for batch in obstore.list(self._store, prefix=self._prefix or None):
                for found in batch:
                    if found["path"].endswith(".json"):
                        yield found["path"]
        except BaseError as error:
            raise PlaceUnavailable(f"{self.name}: {error}") from error
