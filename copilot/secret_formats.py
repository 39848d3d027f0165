"""Secrets in a text: credentials in the formats that their issuers document, and values that a name calls secret.

Four ways, each blind to what the others see: the issuer's own format; a value assigned to a name such as `client_secret`;
where protocols carry credentials (URLs, headers, command lines); and long tokens too irregular for words. Placeholders
(`${TOKEN}`, `xxxx`, `<your key>`) are no secrets. It is a net, no proof: a short password in plain words passes.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

_FORMATS = (
    # Cloud and infrastructure
    r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}",
    r"LTAI[A-Za-z0-9]{12,30}",
    r"AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{20,40}|ya29\.[A-Za-z0-9_-]{20,512}",
    r"[A-Za-z0-9_.~-]{3}\dQ~[A-Za-z0-9_.~-]{31,34}",
    r"do[opr]_v1_[0-9a-f]{64}",
    r"dapi[0-9a-f]{32}(?:-\d)?",
    r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,160}",
    r"hv[bsr]\.[A-Za-z0-9_-]{20,512}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,80}",
    r"HRKU-[A-Za-z0-9_-]{36,80}",
    r"fo1_[A-Za-z0-9_-]{43}|fm[12][ar]?_[A-Za-z0-9+/=_-]{40,800}",
    r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_.=-]{32,64}",
    r"sha256~[A-Za-z0-9_-]{43}",
    r"pul-[0-9a-f]{40}|pnu_[a-z0-9]{36}|dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9]{40,44}",
    r"tk-us-[A-Za-z0-9_-]{48}|ico-[A-Za-z0-9]{32}|dnkey-[a-z0-9=_-]{20,200}",
    r"4b1d[A-Za-z0-9]{38}",
    # Code and packages
    r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}",
    r"gl[a-z]{2,6}-[A-Za-z0-9_=.-]{20,64}|GR1348941[A-Za-z0-9_-]{20}",
    r"npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{40,255}|rubygems_[0-9a-f]{48}|CLOJARS_[A-Za-z0-9]{60}|oy2[a-z0-9]{43}",
    r"ATATT3[A-Za-z0-9_=-]{60,255}|ATBB[A-Za-z0-9]{24,40}",
    r"AKCp[A-Za-z0-9]{60,80}|cmVmd[A-Za-z0-9]{50,80}",
    r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}|rdme_[a-z0-9]{70}|lin_api_[A-Za-z0-9]{40}",
    r"squ_[0-9a-f]{40}|sq[ap]_[0-9a-f]{40}",
    # Messages, money, marketing, watching
    r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,255}|xapp-[0-9]-[A-Za-z0-9-]{10,255}",
    r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,255}",
    r"https://[a-z0-9-]{1,60}\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/_-]{60,300}",
    r"https://discord(?:app)?\.com/api/webhooks/\d{15,22}/[A-Za-z0-9_-]{40,90}",
    r"\d{8,10}:A[A-Za-z0-9_-]{34}(?![A-Za-z0-9_-])",
    r"(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9]{24,64}",
    r"sq0[a-z]{3}-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_+=-]{56,64}",
    r"EAA[A-Za-z0-9]{40,255}",
    r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}|shippo_(?:live|test)_[0-9a-f]{40}|duffel_(?:live|test)_[A-Za-z0-9_=-]{43}",
    r"FLW(?:SECK|PUBK)(?:_TEST)?-[A-Za-z0-9-]{12,64}|EZ[AT]K[A-Za-z0-9]{54}",
    r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}|xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}",
    r"key-[0-9a-f]{32}|[0-9a-f]{32}-us\d{1,2}|pubkey-[0-9a-f]{32}",
    r"(?:SK|AC)[0-9a-f]{32}",
    r"NR(?:AK|II|JS|AL|BR)-[A-Za-z0-9]{19,40}",
    r"sntry[su]_[A-Za-z0-9+/=_-]{60,400}",
    r"gl(?:c|sa)_[A-Za-z0-9+/=_]{30,400}|dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}",
    r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk|tfp_[A-Za-z0-9_.=-]{40,64}|fio-u-[A-Za-z0-9_=-]{64}",
    r"ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}",
    # Models
    r"sk-(?:ant-|proj-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{20,255}",
    r"hf_[A-Za-z]{30,64}|api_org_[A-Za-z]{34}|pplx-[A-Za-z0-9]{40,64}|gsk_[A-Za-z0-9]{40,64}|r8_[A-Za-z0-9]{37}",
    # Keys and tokens of no one issuer
    r"eyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{0,1024}",
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){0,8000}"
    r"(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?",
    r"AGE-SECRET-KEY-1[A-Z0-9]{50,64}",
    r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}|ops_eyJ[A-Za-z0-9+/]{100,800}={0,2}",
    r"p8e-[a-z0-9]{32}|s-s4t2(?:ud|af)-[0-9a-f]{64}",
)
_NAME = (
    r"(?:pass(?:word|wd|phrase|code)|passwort|kennwort|mot de passe|contrasena|contrase\u00f1a|senha|pwd|pass"
    r"|secret|token|credentials?|cred|auth(?:orization)?|api[ _.-]?key|access[ _.-]?key|account[ _.-]?key"
    r"|private[ _.-]?key|secret[ _.-]?key|shared[ _.-]?key|signing[ _.-]?key|encryption[ _.-]?key|license[ _.-]?key"
    r"|client[ _.-]?s(?:ecret|rt)|key)"
)
_AFTER_NAME = (
    # The rest of the name, as a program, a form or a sentence writes it …
    r"(?P<rest>[A-Za-z0-9_.-]{0,40})[\"'\])]{0,2}"
    # … what stands between …
    r"(?:\s{0,8}(?:=>|:=|={1,3}|:|\|\|)\s{0,8}|,\s{0,3}(?=[\"'])|\s{1,3}(?:is|ist|est|es|e|\u00e9)\s{1,3}|\s{1,3}(?=[\"']))"
    # … and the value, in a call perhaps.
    r"(?:[A-Za-z.]{0,40}\()?[\"'`]?(?:(?:Bearer|Basic|Token)\s{1,3})?(?P<value>[^\s\"'`,;<>()\[\]]{6,2048})"
)
_CARRIED = (
    r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"']{0,64}:(?P<url>[^\s/@\"']{3,128})@",
    r"(?i:authorization)[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?i:basic|bearer|token|apikey)\s+(?P<header>[A-Za-z0-9._~+/=-]{8,2048})",
    r"(?i:curl)\b[^\n]{0,300}?\s(?:-u|--user)[\s=]{0,3}(?P<user>(?P<q>[\"']?)[^\s:\"']{0,64}(?P=q):[^\s\"']{1,128}|[\"'][^\s:\"']{0,64}:[^\s\"']{0,128})",
    r"(?i:key|name)=[\"'][^\"']{0,40}(?i:password|secret|token)[\"']\s+(?i:value)=[\"'](?P<xml>[^\"']{4,256})[\"']",
)
_TOKEN = r"(?<![^\s\"'`(<>=:,;\[{])[A-Za-z0-9+/_=.~-]{28,2048}(?![^\s\"'`)<>,;\]}])"
_PLACEHOLDER = re.compile(
    r"x{4,}|\*{3,}|\.{3,}|\u2022{2,}|^[$%<{\[]|\$\{|\{\{|%\(|\byour|example|placeholder|changeme|redacted|dummy|sample"
    r"|abcdefgh",
    re.IGNORECASE,
)
_SHOWN = 4
"""Characters of a secret left readable, enough to tell which it is."""


@cache
def _patterns() -> tuple[
    re.Pattern[str], re.Pattern[str], re.Pattern[str], tuple[re.Pattern[str], ...], re.Pattern[str]
]:
    return (
        re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_FORMATS)})"),
        re.compile(_NAME, re.IGNORECASE),
        re.compile(_AFTER_NAME, re.IGNORECASE),
        tuple(re.compile(one) for one in _CARRIED),
        re.compile(_TOKEN),
    )


def find_secrets(text: str) -> tuple[tuple[int, int], ...]:
    """Places of what looks like a secret, in order, without overlaps."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(_spans(text)):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    formats, names, after, carried, token = _patterns()
    for match in formats.finditer(text):
        if not _is_placeholder(match[0]):
            yield match.span()
    for name in names.finditer(text):
        match = after.match(text, name.end())
        if match is not None and _is_told(match["value"], name[0] + match["rest"]):
            yield match.start("value"), match.start("value") + len(match["value"].rstrip(".:!?\\"))
    for one in carried:
        for match in one.finditer(text):
            value = next(name for name in ("url", "header", "user", "xml") if match.groupdict().get(name))
            if not _is_placeholder(match[value].partition(":")[2] or match[value]):
                yield match.span(value)
    for match in token.finditer(text):
        if _is_irregular(match[0]):
            yield match.span()


def _is_told(value: str, name: str) -> bool:
    """Whether a value after a name that calls it secret is one: 'my password is expired' tells none."""
    if _is_placeholder(value) or "://" in value or value.startswith(("/", "./", "@", "#")):
        return False
    has_digit = any(one.isdigit() for one in value)
    if re.search(r"pass|pwd|wort|senha", name, re.IGNORECASE):
        return has_digit or bool(re.search(r"[!@#$%^&*]", value))
    # A name like 'token' or 'key' calls many things so; of these only what nobody would choose as a word.
    return len(value) >= 8 and has_digit and any(one.isalpha() for one in value) and not _is_numbered_name(value)


def _is_numbered_name(value: str) -> bool:
    """'config2', 'us-east-1', 'OAUTH_2', 'data.db1': words with a number, as people name things."""
    return all(
        re.fullmatch(r"[a-z]*|[A-Z]*|[A-Z]?[a-z]+\d{0,4}|[A-Z]+\d{0,4}|\d{1,4}|v\d+", part)
        for part in re.split(r"[-_./:]", value)
    )


def _is_placeholder(value: str) -> bool:
    return len(set(value.casefold())) < min(5, len(value)) or bool(_PLACEHOLDER.search(value))


def _is_irregular(token: str) -> bool:
    """Whether this is too irregular for a word, a path, a hash or a number: both cases, digits, and no repeats."""
    kinds = [any(map(kind, token)) for kind in (str.islower, str.isupper, str.isdigit)]
    if not all(kinds) or _is_placeholder(token) or token.count("/") > len(token) // 12 or token.count(".") > 2:
        return False
    changes = sum(_kind(a) != _kind(b) for a, b in zip(token, token[1:], strict=False))
    return changes >= len(token) * 0.4 and _entropy(token) >= 4.0


def _kind(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.islower() else 2 if character.isupper() else 3


def _entropy(token: str) -> float:
    """Bits per character."""
    return -sum(n / len(token) * math.log2(n / len(token)) for n in Counter(token).values())


def mask_secrets(text: str) -> str:
    """Dot out all but the first characters of each secret; the text keeps its length."""
    for start, end in find_secrets(text):
        shown = min(_SHOWN, (end - start) // 3)
        text = text[: start + shown] + "\u2022" * (end - start - shown) + text[end:]
    return text
