"""Merkle trees as in RFC 6962, section 2.1: a root over a list of entries, and the proof that one of them is in it.

Pure: entries are bytes, hashes are SHA-256. A leaf and an inner node are hashed under different first bytes, so that
neither can be passed off as the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_LEAF, _NODE = b"\x00", b"\x01"


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return hashlib.sha256(_LEAF + entry).digest()


def root(entries: Sequence[bytes]) -> bytes:
    """The root over the entries, in their order; of none, the hash of nothing."""
    if not entries:
        return hashlib.sha256(b"").digest()
    return _root([leaf_hash(entry) for entry in entries])


def inclusion_proof(entries: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from entry `index` up to the root, lowest first."""
    hashes, proof = [leaf_hash(entry) for entry in entries], list[bytes]()
    while len(hashes) > 1:
        split = _split(len(hashes))
        if index < split:
            proof.append(_root(hashes[split:]))
            hashes = hashes[:split]
        else:
            proof.append(_root(hashes[:split]))
            hashes, index = hashes[split:], index - split
    return proof[::-1]


def is_included(entry: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether the proof leads from entry `index` of `size` to this root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, found = index, size - 1, leaf_hash(entry)
    for sibling in proof:
        if last == 0:
            return False
        if here % 2 == 1 or here == last:
            found = _node(sibling, found)
            while here % 2 == 0 and here != 0:
                here, last = here // 2, last // 2
        else:
            found = _node(found, sibling)
        here, last = here // 2, last // 2
    return last == 0 and found == expected_root


def _root(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = _split(len(hashes))
    return _node(_root(hashes[:split]), _root(hashes[split:]))


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
