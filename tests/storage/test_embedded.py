"""The embedded server starts again after its processes were killed, whatever they left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from storage.embedded import start_embedded


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="countersign-embedded-") as name:
        yield Path(name).resolve() / "postgres"


def family(server: Any) -> list[psutil.Process]:
    postmaster = psutil.Process(server.get_pid())
    return [*postmaster.children(recursive=True), postmaster]


def answers(server: Any) -> bool:
    with psycopg.connect(server.get_uri()) as connection:
        return connection.execute("select 1").fetchone() == (1,)


def test_a_killed_server_starts_again_though_its_number_is_another_process_by_now(folder: Path) -> None:
    server = start_embedded(folder)
    killed = family(server)
    for process in killed:
        process.suspend()
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, timeout=60)
    file = folder / "postmaster.pid"
    another = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        file.write_text("\n".join([str(another.pid), *file.read_text().splitlines()[1:]]) + "\n")

        server = start_embedded(folder)

        assert answers(server)
        assert another.poll() is None
    finally:
        another.kill()
        another.wait()
        server.cleanup()


def test_a_server_that_still_reads_its_log_is_waited_for(folder: Path) -> None:
    server: Any = start_embedded(folder)
    file = folder / "postmaster.pid"
    ready = file.read_text()
    file.write_text("\n".join([*ready.splitlines()[:-1], "starting"]) + "\n")
    type(server)._instances.pop(folder)  # Another process does not know it.
    later = threading.Timer(0.5, lambda: file.write_text(ready))
    later.start()
    try:
        server = start_embedded(folder)

        assert answers(server)
    finally:
        later.join()
        start_embedded(folder).cleanup()


def test_a_user_of_the_server_that_was_killed_does_not_keep_it_running(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as killed:
        killed.wait()
    server = start_embedded(folder)
    postmaster = family(server)[-1]
    (folder / ".handle_pids.json").write_text(json.dumps([killed.pid, os.getpid()]))

    start_embedded(folder).cleanup()

    psutil.wait_procs([postmaster], timeout=60)
    assert not postmaster.is_running()
