"""`countersign`: run the bot, look at the trail and cases, import the directory, link accounts, stop, check policy."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from bot.commands import audit, case, directory, passkeys, people, policy, run, stops
from bot.settings import SettingsError
from storage.database import DatabaseUnavailable


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do what it says. Returns the exit code: 0 done, 1 not, 2 asked wrongly."""
    parser = argparse.ArgumentParser(prog="countersign", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for room in (run, audit, case, directory, people, passkeys, policy, stops):
        room.add_to(commands)
    wanted = parser.parse_args(arguments)
    try:
        code = int(wanted.do(wanted))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read along (`| head`) has seen enough; what is left must not be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (DatabaseUnavailable, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
