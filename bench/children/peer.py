"""Another gate's approval cycles, in a process of their own: propose, one approval, run.

Each is set up as its own documents say, on SQLite in the folder it is given, and does all that its default does.
Neither knows a quorum, so there is one approval where ours has two.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentbarrier import Decision
from agentbarrier.errors import ApprovalRequired
from agentbarrier.runtime import PolicyEffect, PolicyRule, RuntimeBarrier, RuntimePolicy, SQLiteRuntimeStore
from air_gate import GateClient

from bench.children.conversation import converse

Cycle = Callable[[str], None]


def agentbarrier_cycle(folder: Path) -> Cycle:
    """agentbarrier: the call raises, the stored action is decided, and the same call goes through."""
    store = SQLiteRuntimeStore(folder / "agentbarrier.db")
    rules = (PolicyRule(name="suspend", effect=PolicyEffect.REQUIRE_APPROVAL, tool="user.suspend"),)
    barrier = RuntimeBarrier(policy=RuntimePolicy("1", rules), store=store, requested_by="olivia")

    def cycle(name: str) -> None:
        call: dict[str, Any] = {
            "tool_name": "user.suspend",
            "arguments": {"email": f"{name}@acme.example"},
            "idempotency_key": name,
            "operation": lambda: "suspended",
        }
        try:
            barrier.execute(**call)
        except ApprovalRequired as waiting:
            store.decide(waiting.action.action_id, Decision.APPROVE, decided_by="sana")
        if barrier.execute(**call) != "suspended":
            raise RuntimeError("agentbarrier did not run what was approved")

    return cycle


def air_gate_cycle(folder: Path) -> Cycle:
    """air-gate: the call is checked and waits, the event is approved, and its status is asked before it runs."""
    gate = GateClient(signing_key="b7" * 32, storage_path=str(folder / "air_gate.db"))

    def cycle(name: str) -> None:
        asked = gate.check("olivia", "tool_call", "user.suspend", payload={"email": f"{name}@acme.example"})
        gate.approve(asked["event_id"], "sana")
        if gate.status(asked["event_id"]) != "approved":
            raise RuntimeError("air-gate did not approve")

    return cycle


PEERS = {"agentbarrier": agentbarrier_cycle, "air-gate": air_gate_cycle}


async def main(name: str, folder: str) -> None:
    cycle, batches = PEERS[name](Path(folder)), 0

    async def answer(question: dict[str, Any]) -> dict[str, Any]:
        nonlocal batches
        batches += 1
        seconds, begin = [], time.time()
        for number in range(question["count"]):
            started = time.perf_counter()
            cycle(f"p{os.getpid()}b{batches}n{number}")
            seconds.append(time.perf_counter() - started)
        return {"seconds": seconds, "begin": begin, "end": time.time()}

    await converse({"pid": os.getpid()}, answer)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
