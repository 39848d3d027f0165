"""Well-known shapes of secrets, found so that triage never repeats one. A light list: it misses unknown formats."""

from __future__ import annotations

import re
from functools import cache

_SHAPES = (
    r"AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}",
    r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}",
    r"glpat-[A-Za-z0-9_-]{20,64}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,255}|xapp-[0-9]-[A-Za-z0-9-]{10,255}",
    r"sk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{20,255}",
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,255}",
    r"AIza[A-Za-z0-9_-]{35}",
    r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}",
    r"npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{40,255}|hf_[A-Za-z0-9]{30,64}",
    r"eyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,1024}",
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!----)){0,8000}(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?",
    r"AGE-SECRET-KEY-1[A-Z0-9]{50,64}",
    r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,255}",
)
_ASSIGNED = (
    r"(?:password|passwd|pwd|passphrase|passwort|kennwort|mot de passe|contrasena|contrase\u00f1a|senha"
    r"|client[ _-]?secret|secret[ _-]?key)"
    r"(?:\s+(?:is|ist|est|es|e|\u00e9)\s+|\s*[:=]\s*)[\"'`]?(?P<value>[^\s\"'`]{6,128})"
)
_SHOWN = 4
"""Characters of a secret left readable, enough to tell which it is."""


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    shapes = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_SHAPES)})")
    return shapes, re.compile(_ASSIGNED, re.IGNORECASE)


def find_secrets(text: str) -> tuple[tuple[int, int], ...]:
    """Places of what looks like a secret, in order, without overlaps."""
    shapes, assigned = _patterns()
    spans = [match.span() for match in shapes.finditer(text)]
    # 'my password is expired' is no secret: a told password has a digit or a sign in it.
    spans += [m.span("value") for m in assigned.finditer(text) if re.search(r"[\d!@#$%^&*]", m["value"])]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def mask_secrets(text: str) -> str:
    """Dot out all but the first characters of each secret; the text keeps its length."""
    for start, end in find_secrets(text):
        shown = min(_SHOWN, (end - start) // 3)
        text = text[: start + shown] + "\u2022" * (end - start - shown) + text[end:]
    return text
