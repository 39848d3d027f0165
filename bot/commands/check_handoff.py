"""`countersign audit check-handoff`: a handoff packet, checked elsewhere."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bot.commands.receipt import are_public_keys
from storage import handoffs


def add_to(verbs: Any) -> None:
    """Add the verb to those of `audit`."""
    check = verbs.add_parser("check-handoff", help="check a handoff packet; needs its files and the public key")
    check.add_argument("file", type=Path)
    check.add_argument("--markdown", type=Path, help="the Markdown that came with it")
    check.add_argument("--key", action="append", required=True, help="a public key that is trusted")
    check.set_defaults(do=check_handoff)


def check_handoff(wanted: argparse.Namespace) -> int:
    """Exit code 0 if all of it holds, 2 if a key is none, else 1."""
    if not are_public_keys(wanted.key):
        return 2
    try:
        packet = wanted.file.read_bytes()
        markdown = None if wanted.markdown is None else wanted.markdown.read_bytes()
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    problems = handoffs.check(packet, markdown, set(wanted.key))
    for problem in problems:
        print(f"BROKEN: {problem}", file=sys.stderr)
    if problems:
        return 1
    found = json.loads(packet)
    # As JSON in ASCII: what stands in a packet must not disturb a terminal.
    print(f"ok: handoff of case {json.dumps(found['case'])} to {json.dumps(found['audience'])}")
    print(f"  made at {json.dumps(found['madeAt'])}, latch {json.dumps(found['latch']['state'])}")
    print("  the Markdown was not checked" if markdown is None else "  with the Markdown that was signed")
    return 0
