"""What can go wrong in this room, as one tree.

    ActionError
    ├── UnknownAction     the id is not in the catalogue
    ├── InvalidParams     the parameters do not fit the action; says which and why
    └── MissingExecutor   an action of the catalogue has nobody who carries it out (found at start-up)

`str` is for operators and logs; `reply` is safe to show to whoever asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class ActionError(Exception):
    """The root of this room's errors."""

    def __init__(self, message: str, reply: str) -> None:
        super().__init__(message)
        self.reply = reply


class UnknownAction(ActionError):
    """No action has this id."""

    def __init__(self, action_id: str) -> None:
        # The id may come from a forged payload or a model: shortened and quoted, and never part of the reply.
        super().__init__(f"unknown action {action_id[:80]!r}", "There is no such action.")
        self.action_id = action_id


class InvalidParams(ActionError):
    """Parameters were refused. `fields` maps a parameter's name to one message fit for a form."""

    def __init__(self, action_id: str, fields: Mapping[str, str]) -> None:
        problems = "; ".join(f"{name[:80]!r}: {message}" for name, message in fields.items())
        super().__init__(f"parameters of {action_id} refused: {problems}", "Some of the values do not fit.")
        self.action_id = action_id
        self.fields = dict(fields)


class MissingExecutor(ActionError):
    """The set-up leaves actions without an executor."""

    def __init__(self, action_ids: Iterable[str]) -> None:
        super().__init__(
            f"no executor for: {', '.join(sorted(action_ids))}", "The bot is not set up to carry this out."
        )
