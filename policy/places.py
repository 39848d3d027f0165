"""Where in a file a problem stands: neither Cedar's parser nor a validator of parsed TOML says the line.

Only for telling people. What cannot be found is left out; nothing is decided on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADING = re.compile(r"\s*\[([^\[\]]+)\]")
_CEDAR = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|;')


def line_of_key(text: str, path: Sequence[str]) -> int | None:
    """The line of a key of a TOML file (`["risk", "high", "quorum"]`), or of the table it should stand in."""
    heading: list[str] = []
    nearest = None
    for number, line in enumerate(text.splitlines(), 1):
        if found := _HEADING.match(line):
            heading = [part.strip().strip("\"'") for part in found[1].split(".")]
            if heading == list(path[: len(heading)]):
                nearest = number
            if heading == list(path):
                return number
        key = line.partition("=")[0].strip().strip("\"'")
        # A list's item is where the list is.
        if heading == list(path[: len(heading)]) and path[len(heading) : len(heading) + 1] == [key]:
            return number
    return nearest


def policies_of(text: str) -> list[tuple[int, str]]:
    """Each policy of a Cedar file with the line it begins in; what follows the last semicolon is one more."""
    found, start = [], 0
    ends = [one.end() for one in _CEDAR.finditer(text) if one[0] == ";"]
    for end in [*ends, len(text)]:
        part = text[start:end]
        bare = _CEDAR.sub(lambda one: " " * len(one[0]) if one[0].startswith("//") else one[0], part)
        if bare.strip():
            begin = start + len(bare) - len(bare.lstrip())
            found.append((text.count("\n", 0, begin) + 1, part))
        start = end
    return found


def place(name: str, line: int | None) -> str:
    """A file, and the line where it is known."""
    return name if line is None else f"{name}:{line}"
