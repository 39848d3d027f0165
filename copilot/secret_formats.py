"""Secrets in a text, found in four ways, each blind to what the others see.

The issuer's own format; a value that a name calls secret; where protocols carry credentials; and long tokens too
irregular for words. It is a net, no proof: a short password that nothing announces passes.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from copilot.issuer_formats import is_filler, issued_secrets
from copilot.told_secrets import carried_secrets, is_numbered_name, told_secrets

_TOKEN = re.compile(r"(?<![^\s\"'`(<>=:,;\[{|])[A-Za-z0-9+/_=.~-]{20,2048}(?![^\s\"'`)<>,;\]}|\\])")
_PREFIXED = re.compile(
    r"(?P<name>[A-Za-z]{2,10})[_-](?:[A-Za-z0-9]{2,8}[_-]){0,2}?(?P<tail>[A-Za-z0-9]{20,512}|[A-Za-z0-9_-]{27,512})"
)
_LINK = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>]{1,2048}")
_FILE = re.compile(r"\.[a-z][a-z0-9]{1,4}$")
_SHOWN = 4
"""Characters of a secret left readable, enough to tell which it is."""


def find_secrets(text: str) -> tuple[tuple[int, int], ...]:
    """Places of what looks like a secret, in order, without overlaps."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(_spans(text)):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def mask_secrets(text: str) -> str:
    """Dot out all but the first characters of each secret; the text keeps its length."""
    pieces: list[str] = []
    at = 0
    for start, end in find_secrets(text):
        pieces += [text[at:start], dotted(text[start:end])]
        at = end
    return "".join(pieces) + text[at:]


def dotted(secret: str) -> str:
    """One secret with all but its first characters dotted out."""
    shown = min(_SHOWN, len(secret) // 3)
    return secret[:shown] + "\u2022" * (len(secret) - shown)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    yield from issued_secrets(text)
    yield from told_secrets(text)
    yield from carried_secrets(text)
    links = [match.span() for match in _LINK.finditer(text)]
    for match in _TOKEN.finditer(text):
        if (_is_irregular(match[0]) or _is_prefixed(match[0])) and not any(
            start <= match.start() < end for start, end in links
        ):
            yield match.span()


def _is_irregular(token: str) -> bool:
    """Whether this is too irregular for a word, a path, a hash or a number: both cases, digits, and no repeats."""
    kinds = [any(map(kind, token)) for kind in (str.islower, str.isupper, str.isdigit)]
    if not all(kinds) or is_filler(token) or token.count("/") > len(token) // 12 or token.count(".") > 2:
        return False
    changes = sum(_kind(a) != _kind(b) for a, b in pairwise(token))
    return changes >= len(token) * 0.4 and _entropy(token) >= 3.8 and not _FILE.search(token)


def _is_prefixed(token: str) -> bool:
    """Whether this is what most issuers write: a short name of theirs, and twenty characters that are no name."""
    match = _PREFIXED.fullmatch(token)
    if match is None or is_filler(token) or is_numbered_name(token):
        return False
    tail = match["tail"]
    digits = sum(map(str.isdigit, tail))
    is_digest = (
        re.fullmatch(r"(?:sha|md5|commit|rev|build|img|image|etag)\d*", match["name"], re.IGNORECASE) is not None
    )
    return not is_digest and digits >= 3 and len(tail) - digits >= 3 and _entropy(tail) >= 3.3


def _kind(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.islower() else 2 if character.isupper() else 3


def _entropy(token: str) -> float:
    """Bits per character."""
    return -sum(n / len(token) * math.log2(n / len(token)) for n in Counter(token).values())
