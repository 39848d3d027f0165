"""The seal of a handoff packet: its JSON and its Markdown, signed together, checked with the public key alone.

By the same notary and in the same manner as a receipt (`storage.receipts`). The packet's file is the canonical JSON of
all its members, so that not one byte of it can differ, and names the SHA-256 of the Markdown file beside it. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping

from pydantic import JsonValue

from policy.digest import canonical_json
from policy.errors import NotCanonical
from policy.handoff_form import CONTENT, FORM, KIND, SEAL
from storage.notary import Notary, is_signed

STATEMENT = (
    "The desk signed that this is the packet as it was made, with the Markdown of this SHA-256. It does not say that"
    " what is stated in it is true."
)


def issue(notary: Notary, content: Mapping[str, JsonValue], markdown: str) -> bytes:
    """The packet's file, signed. Raises NotCanonical, also where a member is missing or too many."""
    if content.keys() != CONTENT:
        raise NotCanonical(f"not the members of a packet: {sorted(content.keys() ^ CONTENT)}")
    unsigned: dict[str, JsonValue] = {
        **content,
        "form": FORM,
        "statement": STATEMENT,
        "key": notary.public_key,
        "markdownSha256": hashlib.sha256(markdown.encode()).hexdigest(),
    }
    return canonical_json({**unsigned, "signature": notary.sign(KIND, unsigned)})


def check(packet: bytes, markdown: bytes | None, public_keys: Collection[str]) -> list[str]:
    """What does not hold of a packet and of its Markdown, if that is given; empty if all holds. Never raises.

    1  it is the canonical JSON of a packet in this form, with every member and no other
    2  it is signed with one of these keys, as a packet
    3  the Markdown is the one that was signed
    """
    try:
        found = json.loads(packet)
        if canonical_json(found) != packet or found.keys() != CONTENT | SEAL:  # 1
            return ["it is not a packet: a member is missing or too many, or it was written in another way"]
        if found["form"] != FORM or found["statement"] != STATEMENT:
            return [f"it is not a packet of the form {FORM}"]
        unsigned = {name: value for name, value in found.items() if name != "signature"}
        if found["key"] not in public_keys:  # 2
            return ["it was not signed with the given key"]
        # A signature in capitals or with spaces is the same one, written in another way.
        is_as_written = bytes.fromhex(found["signature"]).hex() == found["signature"]
        if not is_as_written or not is_signed(found["key"], KIND, unsigned, found["signature"]):
            return ["it is forged or was changed: its signature does not fit"]
        if markdown is not None and hashlib.sha256(markdown).hexdigest() != found["markdownSha256"]:  # 3
            return ["the Markdown is not the one that was signed"]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return ["it is not a packet"]
    return []
