"""`countersign audit receipt`, `check-receipt` and `public-key`: one decision, vouched for and checked elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from bot.commands.database import command_notary, command_signer, opened
from handlers.flows.draw_receipt import NoReceipt, draw_receipt
from policy.errors import NotCanonical
from storage import receipts
from storage.notary import is_public_key


def add_to(verbs: Any) -> None:
    """Add the three verbs to those of `audit`."""
    receipt = verbs.add_parser("receipt", help="write a signed receipt of one decision")
    receipt.add_argument("request", help="the request's id")
    receipt.set_defaults(do=write_receipt)
    check = verbs.add_parser("check-receipt", help="check a receipt; needs its file and the public key, nothing else")
    check.add_argument("file", type=Path)
    check.add_argument("--key", action="append", required=True, help="a public key that is trusted")
    check.set_defaults(do=check_receipt)
    verbs.add_parser("public-key", help="print the key that receipts and checkpoints are checked with").set_defaults(
        do=print_public_key
    )


def are_public_keys(keys: Sequence[str]) -> bool:
    """Whether each is one; says so of the first that is not."""
    for key in keys:
        if not is_public_key(key):
            print(f"--key {key!r}: must be the 64 hexadecimal digits that `audit public-key` prints", file=sys.stderr)
            return False
    return True


def write_receipt(wanted: argparse.Namespace) -> int:
    """Exit code 0, or 1 if there is no such request or it cannot be vouched for."""
    try:
        request_id = UUID(wanted.request)
    except ValueError:
        print(f"there is no request {wanted.request!r}", file=sys.stderr)
        return 1

    async def run() -> int:
        notary, signer = command_notary(os.environ, is_needed=True), command_signer(os.environ, is_needed=True)
        if notary is None or signer is None:
            raise RuntimeError("a key that is needed is there, or the command has ended")
        try:
            async with opened() as database, database.transaction() as tx:
                receipt = await draw_receipt(tx, request_id, signer, notary, now=datetime.now(UTC))
        except (NoReceipt, NotCanonical) as error:
            print(f"no receipt: {error}", file=sys.stderr)
            return 1
        print(json.dumps(receipt, indent=2))
        return 0

    return asyncio.run(run())


def check_receipt(wanted: argparse.Namespace) -> int:
    """Exit code 0 if all of it holds, 2 if a key is none, else 1."""
    if not are_public_keys(wanted.key):
        return 2
    try:
        receipt = json.loads(wanted.file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"{wanted.file}: {error}", file=sys.stderr)
        return 1
    problems = receipts.check(receipt, set(wanted.key))
    for problem in problems:
        print(f"BROKEN: {problem}", file=sys.stderr)
    if problems:
        return 1
    request, checkpoint = receipt["request"], receipt["checkpoint"]
    print(
        f"ok: request {request['id']} ({request['action']}) is {request['status']}, with {len(receipt['votes'])} votes"
    )
    for vote in receipt["votes"]:
        print(f"  {vote['choice']} by {vote['voter']} at {vote['castAt']}")
    where = "in no checkpoint yet" if checkpoint is None else f"in checkpoint {checkpoint['head']['number']}"
    print(f"  digest {request['digest']}, {where}")
    return 0


def print_public_key(_wanted: argparse.Namespace) -> int:
    """The public key, in hexadecimal digits."""
    notary = command_notary(os.environ, is_needed=True)
    print("" if notary is None else notary.public_key)
    return 0
