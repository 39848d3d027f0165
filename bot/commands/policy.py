"""`countersign policy check`: load a policy folder as the bot would, and run its case files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from policy.__main__ import main as check_folder
from policy.loading import DEFAULT_FOLDER


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("policy", help="the policy files")
    verbs = parser.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser("check", help="validate the files and run their ALLOW and DENY cases")
    check.add_argument("folder", type=Path, nargs="?", default=DEFAULT_FOLDER)
    check.set_defaults(do=do)


def do(wanted: argparse.Namespace) -> int:
    """Exit code 0 if the policy loads and every case holds."""
    return check_folder([str(wanted.folder)])
