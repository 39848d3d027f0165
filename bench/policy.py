"""The policy that the bench measures under: the shipped one, where a click is enough at every risk and no limit is met.

What is compared is the gate, and none of the others asks for a passkey or counts requests.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

from policy.loading import DEFAULT_FOLDER, SETTINGS_FILE


@cache
def clicks_suffice() -> Path:
    """A folder with that policy, until the process ends. Each process's has the same version."""
    parent = Path(tempfile.mkdtemp(prefix="countersign-bench-policy-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    folder = Path(shutil.copytree(DEFAULT_FOLDER, parent / "cedar"))
    settings = folder / SETTINGS_FILE
    text = settings.read_text().replace('step_up = "passkey"', 'step_up = "none"')
    settings.write_text(re.sub(r"(requester|target)_limit = \d+", r"\1_limit = 100000", text))
    (folder / "cases" / "DENY" / "critical-action-is-approved-without-a-passkey.json").unlink()
    return folder
