"""Who approved a request, as humans: from the votes and from what the trail says of each voter at the vote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policy.one_person import Ties
from policy.terms import PersonKey
from policy.votes import by_human

Cast = tuple[str, Mapping[str, Any]]
"""The actor and the payload of a `vote_cast`."""


def approvers(accounts: Iterable[str], cast: Sequence[Cast]) -> Mapping[str, frozenset[str]]:
    """The humans behind the accounts that approved, each with their groups; accounts that were known to be one
    person's when they voted are one. Raises ValueError for what is no account.
    """
    ties, groups_of = Ties(), dict[PersonKey, Iterable[str]]()
    for actor, payload in cast:
        key, voter = PersonKey.parse(actor), payload.get("voter", {})
        groups_of[key] = voter.get("groups", ())
        for other in voter.get("linked", ()):
            ties.tie(key, PersonKey.parse(other))
    keys = [PersonKey.parse(account) for account in accounts]
    return by_human(
        keys, {key: tuple(groups) for key, groups in groups_of.items()}, {key: ties.human(key) for key in keys}
    )
