"""`python -m policy [FOLDER]`: check a policy folder, run its cases, and say what does not hold.

The only place in this room that prints; it decides nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

from policy.cases import read_cases, run_cases
from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.loading import DEFAULT_FOLDER


def main(arguments: list[str]) -> int:
    """Exit code 0 if the policy loads and every case holds, else 1."""
    folder = Path(arguments[0]) if arguments else DEFAULT_FOLDER
    try:
        engine = PolicyEngine.load(folder)
    except PolicyUnusable as error:
        print(error, file=sys.stderr)
        return 1
    problems = run_cases(engine, folder)
    for problem in problems:
        print(problem, file=sys.stderr)
    count = len(read_cases(folder)[0])
    print(f"{len(engine.notes)} policies, {count} cases, {len(problems)} problems, version {engine.version[:12]}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
