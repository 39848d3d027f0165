"""The formats in which issuers write their credentials, as they document them, and what no issuer writes: fillers.

A list of prefixes and lengths. It knows nothing of the words around; `told_secrets` reads those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_FORMATS = (
    # Cloud and infrastructure
    r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[0-9A-Z]{16}|ABSK[A-Za-z0-9+/]{100,300}={0,2}|bedrock-api-key-[A-Za-z0-9+/=_-]{20,800}",
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
    r"s\.(?=[A-Za-z]{0,23}\d)[A-Za-z0-9]{24}|nfp_[A-Za-z0-9]{36}|tskey-[a-z]{3,10}-[A-Za-z0-9-]{20,80}|sbp_[0-9a-f]{40}|sl\.[A-Za-z0-9_=-]{100,200}",
    r"AQVN[A-Za-z0-9_-]{35,38}|t1\.[A-Za-z0-9_-]{20,400}={0,2}\.[A-Za-z0-9_-]{86}={0,2}|YC[A-Za-z0-9_-]{38}",
    r"(?:pat|sat)\.[A-Za-z0-9_-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}|eyJrIjoi[A-Za-z0-9]{60,400}={0,3}",
    r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}",
    r"sm_[aps]at_[A-Za-z0-9]{16,40}|endr\+[A-Za-z0-9-]{16}|dckr_pat_[A-Za-z0-9_-]{27}|bkua_[a-z0-9]{40}",
    # Code and packages
    r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}",
    r"gl[a-z]{2,6}-[A-Za-z0-9_=.-]{20,64}|GR1348941[A-Za-z0-9_-]{20}",
    r"npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{40,255}|rubygems_[0-9a-f]{48}|CLOJARS_[A-Za-z0-9]{60}|oy2[a-z0-9]{43}",
    r"ATATT3[A-Za-z0-9_=-]{60,255}|ATBB[A-Za-z0-9]{24,40}",
    r"AKCp[A-Za-z0-9]{60,80}|cmVmd[A-Za-z0-9]{50,80}",
    r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}|rdme_[a-z0-9]{70}|lin_api_[A-Za-z0-9]{40}",
    r"squ_[0-9a-f]{40}|sq[ap]_[0-9a-f]{40}",
    # Messages, money, marketing, watching
    r"xox[abeoprs](?:\.xox[bp])?-(?=[A-Za-z-]{0,40}\d)[A-Za-z0-9-]{10,255}|xapp-[0-9]-[A-Za-z0-9-]{10,255}",
    r"(?:https://)?hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,255}",
    r"https://[a-z0-9-]{1,60}\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/_-]{60,300}",
    r"https://discord(?:app)?\.com/api/webhooks/\d{15,22}/[A-Za-z0-9_-]{40,90}",
    r"(?:bot)?\d{8,10}:A[A-Za-z0-9_-]{34}|\d{15,17}\|[A-Za-z0-9_-]{27,40}",
    r"(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,255}|[spr]k_[A-Za-z0-9]{24,64}|whsec_[A-Za-z0-9]{24,64}",
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
    r"[ps]k\.[A-Za-z0-9]{60,90}\.[A-Za-z0-9_-]{22}|(?:live|test)_(?:pub_)?[0-9a-f]{31,35}|live_[A-Za-z0-9_=-]{40}",
    r"access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}|A{20,22}[A-Za-z0-9%]{80,100}",
    r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,30}|ph[cx]_[A-Za-z0-9]{40,50}|\d/\d{15,17}:[0-9a-f]{32}|CFPAT-[A-Za-z0-9_-]{43}",
    # Models
    r"sk-(?:ant-|proj-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{20,255}",
    r"hf_[A-Za-z0-9]{34}|api_org_[A-Za-z]{34}|pplx-[A-Za-z0-9]{40,64}|gsk_[A-Za-z0-9]{40,64}|r8_[A-Za-z0-9]{37}",
    r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}|ops_eyJ[A-Za-z0-9+/]{100,800}={0,2}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{50,64}",
    r"p8e-[a-z0-9]{32}|s-s4t2(?:ud|af)-[0-9a-f]{64}",
    r"API-[A-Z0-9]{25,40}|sgp_(?:[a-f0-9]{16}_|local_)?[a-f0-9]{40}|aio_[A-Za-z0-9]{28}|patv?\d?_[A-Za-z0-9]{20,64}",
    # Licence keys: five groups of five
    r"[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}",
)
# Long ones that may be broken over lines, or end in a mark of their own.
_BLOCKS = (
    r"ZXlK[A-Za-z0-9+/=_-]{60,8192}",
    r"eyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,8192}(?:\.[A-Za-z0-9_-]{0,1024})?",
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){20,16000}"
    r"(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?",
    r"PuTTY-User-Key-File-\d:(?:(?!PuTTY-)[^\x00]){20,8000}?Private-MAC: [0-9a-f]{40,64}",
)
# A letter before it makes it part of a word, unless that letter belongs to an escape such as \n or %3D.
_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-F]{2}))"
_FILLER = re.compile(
    r"[xX*.\u2022#_-]{6,}|x{4,}|X{4,}|\*{3,}|\.{3,}|\u2022{2,}|0{12,}|1234567890123|abcdefghijklmnopqrstuvwxyz",
    re.IGNORECASE,
)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    return (
        re.compile(rf"{_BEGINS}(?:{'|'.join(_FORMATS)})(?![A-Za-z0-9])"),
        re.compile(rf"{_BEGINS}(?:{'|'.join(_BLOCKS)})"),
    )


def issued_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Places of credentials that give themselves away by their form."""
    formats, blocks = _patterns()
    yield from (match.span() for match in formats.finditer(text) if not is_filler(match[0]))
    yield from (match.span() for match in blocks.finditer(text))


def is_filler(value: str) -> bool:
    """Whether this only shows where a credential would stand: `xxxx`, `****`, one character over and over."""
    distinct = len(set(value.casefold()))
    return distinct < min(5, len(value)) or (len(value) > 24 and distinct < 8) or bool(_FILLER.search(value))
