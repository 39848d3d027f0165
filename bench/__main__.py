"""`python -m bench [NAME…] [--quick]`: measure, and print a table for each question.

Loopback only; PostgreSQL is the embedded one with its default durability. With --quick, few rounds: enough to see that
it works, too few to mean anything.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bench import ack, approvals, audit, cases, clicks, gate, lifecycle, peers, replay, throughput
from bench.results import Table
from bench.rig import Rig, durability, opened_rig

Measurement = Callable[[Rig], Awaitable[Sequence[Table]]]

MEASUREMENTS: Mapping[str, Measurement] = {
    "ack": ack.measure,
    "throughput": throughput.measure,
    "approvals": approvals.measure,
    "peers": peers.measure,
    "clicks": clicks.measure,
    "executed": lifecycle.click_to_executed,
    "start": lifecycle.start_and_memory,
    "audit": audit.measure,
    "cases": cases.measure,
    "gate": gate.measure,
    "replay": replay.measure,
}


async def run(names: Sequence[str], *, is_quick: bool) -> None:
    """Measure one after the other, each with its own databases on one server."""
    async with opened_rig(is_quick=is_quick) as rig:
        print(durability(rig) + "\n", flush=True)
        for name in names:
            begin = time.monotonic()
            for table in await MEASUREMENTS[name](rig):
                print(table, flush=True)
            print(f"({name}: {time.monotonic() - begin:.0f} s; load {os.getloadavg()[0]:.1f})\n", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works")
    wanted = parser.parse_args()
    unknown = [name for name in wanted.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"no measurement is called {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
          + (", quick: the numbers mean nothing" if wanted.quick else "") + "\n")  # fmt: skip
    asyncio.run(run(wanted.names or list(MEASUREMENTS), is_quick=wanted.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
