"""What an action's undoing is made of: the values that are known from the run, and which have to stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actions.catalogue import ActionSpec


def undo_values(spec: ActionSpec[Any], params: Mapping[str, Any], detail: Mapping[str, Any]) -> dict[str, str] | None:
    """The undoing action's values, as far as the run tells them; None where there is nothing to go back to.

    `detail`: of the run's outcome. What the run does not tell, such as a reason, is for the proposer to say.
    """
    if spec.undo_action is None or detail.get("code") != "changed":
        return None
    if spec.subject_param is not None:
        return {spec.subject_param: str(params[spec.subject_param])}
    if spec.undo_action != spec.action_id:
        return {}
    # The same action with another value: the one before.
    [name], before = spec.param_names, detail.get("before")
    return {name: before} if isinstance(before, str) else None
