"""Which files a source is made of. Paths come from settings alone, never from a question."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Listing:
    """The files of a source, by name, and what stands among them and is not read."""

    files: tuple[Path, ...]
    passed_over: tuple[Path, ...] = ()
    """Of another kind, or a link that leads out of the folder."""


def list_files(place: Path, suffixes: Collection[str]) -> Listing:
    """The file at `place`, or all of the folder there with one of the suffixes. Raises OSError if there is neither."""
    if not place.is_dir():
        place.stat()
        return Listing((place,))
    root = place.resolve(strict=True)
    files: list[Path] = []
    passed_over: list[Path] = []
    # A folder that may not be opened is an error, not an empty folder; `rglob` would keep quiet about it.
    for folder, folders, names in os.walk(place, onerror=_raise):
        passed_over += [Path(folder, name) for name in folders if Path(folder, name).is_symlink()]
        for name in names:
            path = Path(folder, name)
            is_ours = path.suffix.lower() in suffixes and path.resolve().is_relative_to(root)
            (files if is_ours else passed_over).append(path)
    return Listing(tuple(sorted(files)), tuple(sorted(passed_over)))


def shown(place: Path, path: Path) -> str:
    """How a file is named in evidence: by its place in the folder, which says nothing of the machine."""
    return path.relative_to(place).as_posix() if path != place else path.name


def _raise(error: OSError) -> None:
    raise error
