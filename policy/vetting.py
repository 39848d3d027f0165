"""Whether a folder of policies may come into force: all that is looked at before it decides anything, in one place.

At the start and when files change under a running bot. Three questions, each answered with the file, the line and the
cure:
  1. do the files load, with every check of `policy.loading` and `policy.compiling`, and with every invariant
  2. does every case hold, and does every policy have one
  3. could what the policy asks for be given by the people that there are

The third depends on people as well as on files. What could never be approved, whoever asks and proposes, is refused
always; what some could not get approved, for a group is small, is refused where it could be under the policy in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from policy.cases import run_cases
from policy.deadlocks import ActionShape, Deadlock, assumed, find_deadlocks, find_hopeless, in_words
from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.gate import Gate
from policy.loading import line_of_setting
from policy.passkeys import Site
from policy.terms import Risk
from policy.votes import VoteSigner


@dataclass(frozen=True)
class Vetted:
    """A policy that may come into force."""

    engine: PolicyEngine
    shortages: tuple[str, ...]
    """Requests that could not be approved for want of people, one line each; there were as many before."""


def vet(
    folder: Path,
    signer: VoteSigner,
    actions: Sequence[ActionShape],
    members: Mapping[str, frozenset[str]],
    *,
    site: Site | None,
    in_force: PolicyEngine | None = None,
) -> Vetted:
    """Look at everything. `members`: those whom the settings name, by group. Raises PolicyUnusable with all problems.

    `site`: where passkeys are used, if anywhere. `in_force`: the policy that this one would take the place of; None at
    a start.
    """
    engine = PolicyEngine.load(folder)
    Gate(engine, signer)  # (1)
    problems = list(run_cases(engine, folder))  # (2)
    problems += unnamed_groups(engine, folder, members) + unconfirmable(engine, folder, site)
    everybody = {group: members.get(group) or assumed(group) for group in engine.settings.groups}
    deadlocks = find_deadlocks(engine, actions, everybody)  # (3)
    refused = set(find_hopeless(engine, actions, everybody))
    if in_force is not None:
        before = {group: members.get(group) or assumed(group) for group in in_force.settings.groups}
        known = {_case(one) for one in find_deadlocks(in_force, actions, before) if not one.is_break_glass}
        # Where too few could approve by break-glass for some who start it, there is the usual way.
        refused |= {one for one in deadlocks if _case(one) not in known and not one.is_break_glass}
    problems += _placed(folder, [one for one in deadlocks if one in refused])
    if problems:
        raise PolicyUnusable(problems)
    return Vetted(engine, in_words(deadlocks))


def unnamed_groups(engine: PolicyEngine, folder: Path, named: Iterable[str]) -> list[str]:
    """Groups of the policy for which the bot's settings name no Slack user group, so that nobody could be in them."""
    where = line_of_setting(folder, ["groups"])
    return [
        f"{where}: groups: {group}: no Slack user group stands for it; set {setting_of(group)}_GROUP and"
        f" {setting_of(group)}_MEMBERS and start again, or take it out here"
        for group in sorted(engine.settings.groups - frozenset(named))
    ]


def unconfirmable(engine: PolicyEngine, folder: Path, site: Site | None) -> list[str]:
    """Risks whose approvals are confirmed with a passkey, where there is no page to use one on."""
    asking = [] if site is not None else [risk for risk in Risk if engine.asks_for_passkey(risk)]
    return [
        f"{line_of_setting(folder, ['risk', risk.value, 'step_up'])}: risk.{risk.value}: approvals are confirmed with a"
        " passkey on a page of ours, and COUNTERSIGN_PUBLIC_URL is missing; set it to the address under which people"
        f' reach this bot in their browsers, or write `step_up = "none"` under [risk.{risk.value}] here'
        for risk in asking
    ]


def setting_of(group: str) -> str:
    """How the settings that say who is in a policy group begin."""
    return f"COUNTERSIGN_{group.upper()}"


def _case(one: Deadlock) -> tuple[str, str, str]:
    return one.action_id, one.requester, one.proposer


def _placed(folder: Path, deadlocks: Sequence[Deadlock]) -> list[str]:
    found = []
    usual = [one for one in deadlocks if not one.is_break_glass]
    for risk in dict.fromkeys(one.risk for one in usual):
        where = line_of_setting(folder, ["risk", risk.value, "quorum"])
        found += [
            f"{where}: risk.{line}; ask for fewer people, permit more of them to decide, or forbid proposing it"
            for line in in_words(one for one in usual if one.risk is risk)
        ]
    where = line_of_setting(folder, ["break_glass", "quorum"])
    found += [
        f"{where}: break_glass: {line}; ask for fewer people, name a larger group, or take [break_glass] out"
        for line in in_words(one for one in deadlocks if one.is_break_glass)
    ]
    return found
