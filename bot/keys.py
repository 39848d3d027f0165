"""The desk's keys: each from the environment, or from a file of the data folder that is made at the first start.

None of them is in the database. That is what makes a vote, a row of the trail or a checkpoint evidence.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_HEX_KEY = re.compile(r"^[0-9a-fA-F]{64,}$")

Problem = Callable[[str, str], None]
"""Takes a setting's name and what is wrong with it."""


@dataclass(frozen=True)
class KeyName:
    """Where a key is looked for."""

    setting: str
    file: str
    longest: int | None = None
    """How many digits it has at most; None where longer ones do no harm."""

    @property
    def form(self) -> str:
        """What a value must look like, in words."""
        return f"must be {'at least 64' if self.longest is None else self.longest} hexadecimal digits"


VOTE = KeyName("COUNTERSIGN_VOTE_KEY", "vote.key")
AUDIT = KeyName("COUNTERSIGN_AUDIT_KEY", "audit.key")
CHECKPOINT = KeyName("COUNTERSIGN_CHECKPOINT_KEY", "checkpoint.key", longest=64)


def given_key(environ: Mapping[str, str], name: KeyName, problem: Problem) -> bytes | None:
    """The key that the environment gives; None if it gives none or a wrong one, which is then a problem."""
    found = environ.get(name.setting, "").strip()
    if not found:
        return None
    if not _is_key(found) or (name.longest is not None and len(found) > name.longest):
        problem(name.setting, name.form)
        return None
    return bytes.fromhex(found)


def given_keys(environ: Mapping[str, str], setting: str, problem: Problem) -> tuple[bytes, ...]:
    """Earlier keys, separated by commas; none where one of them is wrong, which is then a problem."""
    found = [one.strip() for one in environ.get(setting, "").split(",") if one.strip()]
    if not all(_is_key(one) for one in found):
        problem(setting, "each must be at least 64 hexadecimal digits")
        return ()
    return tuple(bytes.fromhex(one) for one in found)


def key_in_file(folder: Path, name: KeyName, problem: Problem) -> bytes | None:
    """The key of the data folder, made there if there is none."""
    file = folder / name.file
    found = _stored_key(file)
    if not _is_key(found):
        # Never a key that is empty or short: anybody could sign with it.
        problem(name.setting, f"the key in {file} is not whole; remove the file to have a new one made")
        return None
    return bytes.fromhex(found)


def _is_key(text: str) -> bool:
    return bool(_HEX_KEY.match(text)) and len(text) % 2 == 0


def _stored_key(file: Path) -> str:
    """The text of a key file that only its owner may read; made, whole or not at all, at the first start."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        with draft.open("x") as new:
            draft.chmod(0o600)
            new.write(secrets.token_hex(32))
            new.flush()
            os.fsync(new.fileno())
        with suppress(FileExistsError):  # Another process was faster: its key counts.
            file.hardlink_to(draft)
        draft.unlink()
    return file.read_text(errors="replace").strip()
