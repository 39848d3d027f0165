"""A ticket's life in the shape that the checker `agentack` reads, so that somebody else's program judges the gate.

What was proposed, decided and begun comes from the trail, in its order; what ran comes from the request's row, which
the run reads. The format has no field for who decided, so the approval's id says it: `people:…` for what people were
asked, `policy:…` for what the policy let run, or forbade, with nobody asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from policy.lifecycle import TERMINAL
from policy.terms import Verdict
from storage.audit import Step, StoredEvent
from storage.schema import ActionRequest

VERSION = 2
"""Of the checker's format."""

_NOBODY_SAID_YES = {
    Step.REQUEST_REJECTED: "somebody rejected it",
    Step.REQUEST_WITHDRAWN: "who proposed it withdrew it",
    Step.REQUEST_EXPIRED: "its time was over",
    Step.REQUEST_VOIDED: "the ticket or the policy changed",
}
"""What ends a request without a run. An approval that was given before stays given; else this is its 'deny'."""


def trace(ticket_id: object, trail: Sequence[StoredEvent], rows: Sequence[ActionRequest]) -> Iterator[dict[str, Any]]:
    """The events of one ticket. The last line says that all of it has ended; it is left out while anything is open."""
    lives = {str(row.id): _Life(row, str(ticket_id)) for row in rows}
    for event in trail:
        life = lives.get(str(event.payload.get("actionRequestId")))
        if life is not None:
            yield from life.events(event)
    if trail and all(row.status in TERMINAL for row in rows):
        yield _event("session_end", trail[-1].at, str(ticket_id), reason="every request of the ticket has ended")


class _Life:
    """One request, step by step."""

    def __init__(self, row: ActionRequest, session: str) -> None:
        self._row, self._session = row, session
        self._shown: dict[str, Any] = {}
        self._approval: str | None = None
        self._is_decided = False
        self._started: datetime | None = None

    def events(self, event: StoredEvent) -> Iterator[dict[str, Any]]:
        payload = event.payload
        if event.name == Step.ACTION_PROPOSED:
            self._shown = payload["params"]
            yield self._say("action_proposed", event, action=self._action(self._shown))
        elif event.name == Step.POLICY_DECIDED:
            yield from self._asked(event, Verdict(payload["verdict"]))
        elif event.name == Step.REQUEST_APPROVED:
            yield self._decision(event, "allow")
        elif event.name in _NOBODY_SAID_YES:
            yield from self._blocked(event, _NOBODY_SAID_YES[Step(event.name)])
        elif event.name == Step.RUN_REFUSED and self._started is None:
            yield from self._blocked(event, f"refused before the run: {payload['rule']}")
        elif event.name == Step.ACTION_STARTED:
            self._started = event.at
            if self._row.status != "failed":  # What may have happened counts as having happened.
                yield self._say("action_executed", event, self._approval, action=self._action(self._row.params))
        elif event.name in (Step.ACTION_EXECUTED, Step.OUTCOME_RECONCILED) and payload["outcome"] == "failed":
            yield from self._blocked(event, "it did not happen")

    def _asked(self, event: StoredEvent, verdict: Verdict) -> Iterator[dict[str, Any]]:
        by = "people" if verdict is Verdict.NEEDS_APPROVAL else "policy"
        self._approval = f"{by}:{self._row.id}"
        yield self._say("approval_requested", event, self._approval, action=self._action(self._shown))
        if verdict is Verdict.ALLOW:
            yield self._decision(event, "allow")
        elif verdict is Verdict.DENY:
            yield from self._blocked(event, "the policy forbids it")

    def _decision(self, event: StoredEvent, decision: str) -> dict[str, Any]:
        self._is_decided = True
        until = self._row.expires_at.isoformat(timespec="microseconds")
        return self._say("approval_decision", event, self._approval, decision=decision, expires_at=until)

    def _blocked(self, event: StoredEvent, reason: str) -> Iterator[dict[str, Any]]:
        if not self._is_decided:
            yield self._decision(event, "deny")
        yield self._say("action_blocked", event, self._approval, reason=reason)

    def _action(self, params: Mapping[str, Any]) -> dict[str, Any]:
        tool, _, operation = self._row.action_id.partition(".")
        return {"tool": tool, "operation": operation, "parameters": dict(params)}

    def _say(self, kind: str, event: StoredEvent, approval: str | None = None, **more: Any) -> dict[str, Any]:
        ids = {"action_id": str(self._row.id), "intent_id": self._intent()}
        ids |= {} if approval is None else {"approval_id": approval}
        return _event(kind, event.at, self._session, **ids, **more)

    def _intent(self) -> str:
        """The same for whoever wants the same again: a denied one may not come true another way."""
        wanted = json.dumps([self._row.action_id, self._shown], sort_keys=True)
        return hashlib.sha256(wanted.encode()).hexdigest()[:16]


def _event(kind: str, at: datetime, session: str, **more: Any) -> dict[str, Any]:
    when = at.isoformat(timespec="microseconds")
    return {"schema_version": VERSION, "type": kind, "timestamp": when, "session_id": session, **more}
