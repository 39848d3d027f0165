"""`countersign policy`: check a folder of policies, explain a decision, replay a changed policy over the past."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from actions.catalogue import Catalogue
from bot.commands.database import database_url, opened
from bot.commands.policy_words import explanation_lines, replay_json, replay_lines
from bot.policy_watch import action_shapes
from bot.settings import SettingsError, data_folder, read_settings, wants_local_slack
from bot.wiring import build, make_client, who_am_i
from handlers.errors import HandlingError
from handlers.flows.explain_decision import explain_decision
from handlers.flows.replay_policy import replay_policy
from handlers.group_check import group_problems
from handlers.identity import Home, is_id
from policy.__main__ import main as check_folder
from policy.deadlocks import assumed, find_deadlocks, in_words
from policy.engine import PolicyEngine
from policy.errors import PolicyError
from policy.gate import Gate
from policy.loading import DEFAULT_FOLDER
from policy.replaying import Replay
from policy.terms import PersonKey
from policy.vetting import unnamed_groups
from policy.votes import VoteSigner
from storage.database import DatabaseUnavailable


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("policy", help="the policy files")
    verbs = parser.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser("check", help="validate the files, run their cases, find what nobody could approve")
    check.add_argument("folder", type=Path, nargs="?", default=DEFAULT_FOLDER)
    check.add_argument("--slack", action="store_true", help="also ask Slack about the groups, with the bot's settings")
    check.set_defaults(do=do)
    why = verbs.add_parser("explain", help="say why a person may or may not approve a request, as of now")
    why.add_argument("request", help="its id or fingerprint, or the beginning of one (6 characters or more)")
    why.add_argument("person", help="U…, or HOME/U… for somebody of another workspace")
    why.set_defaults(do=explain)
    again = verbs.add_parser("replay", help="run a changed policy over past requests and votes: what would change")
    again.add_argument("folder", type=Path, help="the changed policy")
    again.add_argument("--since", type=days, default="90d", metavar="DAYS", help="how far back, such as 90d (default)")
    again.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    again.set_defaults(do=replay)


def do(wanted: argparse.Namespace) -> int:
    """Exit code 0 if the policy loads, every case holds and no request would be stuck for ever; else 1."""
    if check_folder([str(wanted.folder)]):
        return 1
    engine = PolicyEngine.load(wanted.folder)
    code = _check_deadlocks(engine, os.environ)
    return max(code, _check_groups(engine, wanted.folder) if wanted.slack else 0)


def _check_groups(engine: PolicyEngine, folder: Path) -> int:
    """Ask Slack about the policy's groups, as the bot does at its start."""
    try:
        problems = asyncio.run(_group_problems(engine, folder, os.environ))
    except SettingsError as error:
        problems = error.problems
    except HandlingError as error:
        problems = [str(error)]
    for line in problems:
        print(line, file=sys.stderr)
    print(f"{len(problems)} problem{'s'[: len(problems) != 1]} with the groups in Slack")
    return 1 if problems else 0


async def _group_problems(engine: PolicyEngine, folder: Path, environ: Mapping[str, str]) -> list[str]:
    settings = read_settings(_workspace(environ))
    client = make_client(settings)
    bot = await who_am_i(client)
    named = settings.desk.groups
    used = [group for name, group in named.items() if name in engine.settings.groups]
    home = Home(bot["team_id"], bot.get("enterprise_id"))
    return unnamed_groups(engine, folder, named) + await group_problems(client, home, used)


def _check_deadlocks(engine: PolicyEngine, environ: Mapping[str, str]) -> int:
    named = {group: _members(environ, group) for group in sorted(engine.settings.groups)}
    members = {group: ids or assumed(group) for group, ids in named.items()}
    stuck = in_words(find_deadlocks(engine, action_shapes(Catalogue()), members))
    for line in stuck:
        print(line, file=sys.stderr)
    unknown = [f"COUNTERSIGN_{group.upper()}_MEMBERS" for group, ids in named.items() if not ids]
    known = ", ".join(f"{group} {len(ids)}" for group, ids in named.items() if ids)
    basis = f"members: {known}" if known else ""
    if unknown:
        basis += (
            f"{'; ' if basis else ''}enough people assumed, each in one group, where {' and '.join(unknown)} is not set"
        )
    print(f"{len(stuck)} deadlock{'s'[: len(stuck) != 1]} ({basis})")
    return 1 if stuck else 0


def _members(environ: Mapping[str, str], group: str) -> frozenset[str]:
    named = environ.get(f"COUNTERSIGN_{group.upper()}_MEMBERS", "").split(",")
    return frozenset(one.strip() for one in named if one.strip())


def explain(wanted: argparse.Namespace) -> int:
    """Exit code 0 if the person could approve the request now, 1 if not, 2 if that could not be found out."""
    try:
        return asyncio.run(_explain(wanted.request, wanted.person, os.environ))
    except SettingsError as error:
        said = "\n".join(error.problems)
    except (HandlingError, PolicyError, DatabaseUnavailable, ValueError) as error:
        said = str(error)
    print(said, file=sys.stderr)
    return 2


async def _explain(request: str, person: str, environ: Mapping[str, str]) -> int:
    async with AsyncExitStack() as stack:
        settings = read_settings(_workspace(environ))
        url = database_url(settings, stack)
        parts = await build(settings, url)
        stack.push_async_callback(parts.database.close)
        desk, home = parts.reception.desk, parts.reception.identity.home
        stack.push_async_callback(desk.triager.aclose)
        key = PersonKey.parse(person if "/" in person else f"{home.enterprise_id or home.team_id}/{person}")
        if not is_id(key.user_id) or not is_id(key.home):
            raise ValueError(f"{person!r} is no account: name it as U… or HOME/U…, as Slack's member id says")
        explained = await explain_decision(desk, request, key)
    print("\n".join(explanation_lines(explained)))
    return 0 if explained.answers[0].views.ruling.is_allowed else 1


def _workspace(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The settings as `countersign run` would have them: without Slack's, those of the local Slack that runs."""
    if not wants_local_slack(environ):
        return environ
    from bot.demo.local import local_environment, make_local_slack

    slack = make_local_slack(data_folder(environ), environ)
    return {**environ, **local_environment(slack.app, slack.api_url)}


def days(text: str) -> timedelta:
    """A length of time as it is typed: whole days, such as 90d."""
    if not re.fullmatch(r"[1-9][0-9]{0,3}d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days such as 90d")
    return timedelta(days=int(text[:-1]))


def replay(wanted: argparse.Namespace) -> int:
    """Exit code 0, whatever would change; 1 if one of the policies does not load."""
    # The key verifies nothing: what is on record is taken as it is, and `audit verify` says whether it holds.
    signer = VoteSigner({"none": bytes(32)}, "none")
    try:
        new = Gate(PolicyEngine.load(wanted.folder), signer)
        in_force = Gate(PolicyEngine.load(Path(os.environ.get("COUNTERSIGN_POLICY", "") or DEFAULT_FOLDER)), signer)
    except (PolicyError, OSError) as error:
        print(error, file=sys.stderr)
        return 1

    async def run() -> Replay:
        async with opened() as database:
            return await replay_policy(database, Catalogue(), new, in_force, datetime.now(UTC) - wanted.since)

    found = asyncio.run(run())
    for line in [replay_json(found)] if wanted.json else replay_lines(found):
        print(line)
    return 0
