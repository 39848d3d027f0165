"""Logs larger than memory: read within it, in a process of its own, whose peak is what is measured."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from actions.evidence.duck import Limits
from actions.evidence.logs import Reading, Stopped
from actions.evidence.rows import access_log_fields
from tests.actions.evidence.builders import BOB, a_question

READ = """
import json, re, resource, sys
from pathlib import Path
from actions.evidence.connector import Account, Question
from actions.evidence.duck import Limits
from actions.evidence.logs import Reading
from actions.evidence.rows import access_log_fields

reading = Reading(Path(sys.argv[1]), access_log_fields(), Question(None, (Account(sys.argv[2]),)), Limits(), 200)
reading.run()
(count,) = reading.files
kept = len(list(reading.newest))
# On Linux ru_maxrss begins with the peak of the process that started this one; VmHWM is its own.
status = Path("/proc/self/status")
own = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()) if status.exists() else None
peak_mb = (int(own[1]) if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) // 1024
print(json.dumps([count.lines, count.unreadable, count.error, kept, reading.newest.more, peak_mb]))
"""
BLOCK_ROWS = 10_000


def write_log(path: Path, size: int) -> int:
    """A log of about so many bytes, of which every hundredth row is Bob's; how many rows."""
    block = "".join(
        json.dumps(
            {
                "time": f"2026-03-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:00Z",
                "principal": BOB if number % 100 == 0 else f"user{number % 500}@acme.example",
                "action": "view",
                "object": f"att_{number % 9000}",
                "session": f"s{number % 700}",
                "agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
            }
        )
        + "\n"
        for number in range(BLOCK_ROWS)
    ).encode()
    blocks = size // len(block) + 1
    with path.open("wb") as file:
        for _ in range(blocks):
            file.write(block)
    return blocks * BLOCK_ROWS


@pytest.mark.parametrize("size", [40_000_000, pytest.param(1_000_000_000, marks=pytest.mark.slow)])
def test_a_log_of_any_size_is_read_within_512_mb(tmp_path: Path, size: int) -> None:
    log = tmp_path / "access.jsonl"
    rows = write_log(log, size)

    done = subprocess.run([sys.executable, "-c", READ, str(log), BOB], capture_output=True, text=True, check=True)

    log.unlink()
    lines, unreadable, error, kept, more, peak_mb = json.loads(done.stdout)
    assert (lines, unreadable, error) == (rows, 0, "")
    assert (kept, kept + more) == (200, rows // 100)
    assert peak_mb < 512


def test_a_line_without_an_end_is_not_held_in_memory(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    with log.open("wb") as file:
        for _ in range(120):
            file.write(b"x" * 1_000_000)

    done = subprocess.run([sys.executable, "-c", READ, str(log), BOB], capture_output=True, text=True, check=True)

    _, _, error, kept, _, peak_mb = json.loads(done.stdout)
    assert error
    assert kept == 0
    assert peak_mb < 512


def test_a_reading_that_is_stopped_ends_in_the_middle_of_a_file(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    write_log(log, 40_000_000)
    reading = Reading(log, access_log_fields(), a_question(), Limits(), 200)
    ended: list[BaseException] = []

    def run() -> None:
        try:
            reading.run()
        except Stopped as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not reading.files:
        thread.join(0.001)
    while thread.is_alive():
        reading.stop()
        thread.join(0.05)

    assert len(ended) == 1
    assert reading.files[0].lines == 0
