"""`countersign policy`: check a policy folder as the bot would load it, with its cases and for deadlocks."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actions.catalogue import Catalogue
from policy.__main__ import main as check_folder
from policy.deadlocks import ActionShape, assumed, find_deadlocks, in_words
from policy.engine import PolicyEngine
from policy.loading import DEFAULT_FOLDER


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("policy", help="the policy files")
    verbs = parser.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser("check", help="validate the files, run their cases, find what nobody could approve")
    check.add_argument("folder", type=Path, nargs="?", default=DEFAULT_FOLDER)
    check.set_defaults(do=do)


def do(wanted: argparse.Namespace) -> int:
    """Exit code 0 if the policy loads, every case holds and no request would be stuck for ever; else 1."""
    code = check_folder([str(wanted.folder)])
    return code or _check_deadlocks(PolicyEngine.load(wanted.folder), os.environ)


def _check_deadlocks(engine: PolicyEngine, environ: Mapping[str, str]) -> int:
    named = {group: _members(environ, group) for group in sorted(engine.settings.groups)}
    members = {group: ids or assumed(group) for group, ids in named.items()}
    shapes = [
        ActionShape(spec.action_id, spec.risk, spec.proposable_by, spec.subject_param is not None)
        for spec in Catalogue()
    ]
    stuck = in_words(find_deadlocks(engine, shapes, members))
    for line in stuck:
        print(line, file=sys.stderr)
    unknown = [f"COUNTERSIGN_{group.upper()}_MEMBERS" for group, ids in named.items() if not ids]
    known = ", ".join(f"{group} {len(ids)}" for group, ids in named.items() if ids)
    basis = f"members: {known}" if known else ""
    if unknown:
        basis += (
            f"{'; ' if basis else ''}enough people assumed, each in one group, where {' and '.join(unknown)} is not set"
        )
    print(f"{len(stuck)} deadlock{'s'[: len(stuck) != 1]} ({basis})")
    return 1 if stuck else 0


def _members(environ: Mapping[str, str], group: str) -> frozenset[str]:
    named = environ.get(f"COUNTERSIGN_{group.upper()}_MEMBERS", "").split(",")
    return frozenset(one.strip() for one in named if one.strip())
