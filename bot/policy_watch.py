"""Policy files that change under a running bot: noticed, looked at in full, and brought into force or not at all.

  1. every few seconds, and on SIGHUP, the files are asked whether they changed. They are read once they have been the
     same for two looks, so that a folder is not read while somebody writes to it; SIGHUP says that it is written
  2. they are vetted as at a start (`policy.vetting`), and the groups they name are asked of Slack again
  3. a version that is not good is not taken: the one in force stays, and the approvals channel is told, once
  4. a good one is put on record, and then put in one assignment where every decision finds its policy. A decision that
     is under way ends under the version it began with
  5. what waits is void or kept by the settings of its risk. For half a minute that is looked at again and again: a
     decision under way, or another process that has not read the files yet, may still bring a request of the old one

Each process does this for itself. Until the last of them has, what one version brought or kept is refused by the other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from actions.catalogue import Catalogue
from handlers.desk import GroupSetting
from handlers.errors import IdentityUnavailable
from handlers.flows.note_policy import note_policy_in_force, note_policy_refused
from handlers.flows.void_outdated import void_outdated
from handlers.reception import Reception
from policy.deadlocks import ActionShape
from policy.engine import PolicyEngine
from policy.errors import PolicyUnusable
from policy.gate import Gate
from policy.loading import FolderStamp, contents_version, folder_stamp
from policy.passkeys import Site
from policy.vetting import Vetted, vet
from policy.votes import VoteSigner
from storage.database import DatabaseUnavailable

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 2.0
SWEEP_FOR_SECONDS = 30.0

GroupProblems = Callable[[frozenset[str]], Awaitable[Sequence[str]]]
"""What Slack says is wrong with these policy groups. Raises IdentityUnavailable."""


def action_shapes(catalogue: Catalogue) -> tuple[ActionShape, ...]:
    """What an approval of each action depends on."""
    return tuple(
        ActionShape(spec.action_id, spec.risk, spec.proposable_by, spec.subject_param is not None) for spec in catalogue
    )


def members_of(groups: Mapping[str, GroupSetting]) -> dict[str, frozenset[str]]:
    """Whom the settings name, by group."""
    return {name: group.member_ids for name, group in groups.items()}


class PolicyWatch:
    """Brings changed policy files into force."""

    def __init__(
        self,
        reception: Reception,
        folder: Path,
        engine: PolicyEngine,
        stamp: FolderStamp,
        signer: VoteSigner,
        site: Site | None,
        group_problems: GroupProblems,
    ) -> None:
        """`engine` is in force; `stamp` was taken of its folder before it was read; `site`: where passkeys are used."""
        self._reception = reception
        self._folder = folder
        self._engine = engine
        self._examined = stamp
        self._seen = stamp
        self._signer = signer
        self._site = site
        self._group_problems = group_problems
        self._is_bad = False
        self._owes_sweep = True  # What waited when the last process ended may be of another version.
        self._sweep_until = 0.0
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Look now, and do not wait until the files have rested (SIGHUP)."""
        self._asked.set()

    async def keep_looking(self) -> None:
        """Look at once, every few seconds from then on, and when asked."""
        while True:
            is_asked = self._asked.is_set()
            self._asked.clear()
            try:
                await self.look(is_written=is_asked)
            except (DatabaseUnavailable, IdentityUnavailable) as error:
                log.warning("changed policy files could not be taken yet: %s", error)
            except Exception as error:  # the version in force stays, and the next look tries again
                log.error("could not look at the policy files: %r", error, exc_info=error)
            try:
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                pass

    async def look(self, *, is_written: bool = False) -> None:
        """Look once. `is_written`: whoever asks says that the files are complete."""
        stamp = await asyncio.to_thread(folder_stamp, self._folder)
        has_rested, self._seen = stamp == self._seen, stamp
        if stamp != self._examined and (has_rested or is_written):  # (1)
            await self._examine(stamp)
        if self._owes_sweep or time.monotonic() < self._sweep_until:
            await void_outdated(self._reception.desk)  # (5)
            self._owes_sweep = False

    async def _examine(self, stamp: FolderStamp) -> None:
        version, found = await asyncio.to_thread(self._vet)  # (2)
        problems = found if not isinstance(found, Vetted) else await self._group_problems(found.engine.settings.groups)
        if await asyncio.to_thread(folder_stamp, self._folder) != stamp:
            return  # It is being written. The next look finds it changed.
        if isinstance(found, Vetted) and not problems:
            await self._take(found)
        else:
            await note_policy_refused(self._reception.desk, version, problems)  # (3)
            log.error("the changed policy files are not taken:\n%s", "\n".join(problems))
            self._is_bad = True
        self._examined = stamp

    def _vet(self) -> tuple[str, Vetted | Sequence[str]]:
        desk = self._reception.desk
        try:
            version = contents_version(self._folder)
            members = members_of(desk.settings.groups)
            actions = action_shapes(desk.catalogue)
            return version, vet(self._folder, self._signer, actions, members, site=self._site, in_force=self._engine)
        except PolicyUnusable as error:
            return version, error.problems
        except OSError as error:
            return f"{error}", [
                f"{error.filename or self._folder}: cannot be read ({error.strerror}); let the bot read it"
            ]

    async def _take(self, vetted: Vetted) -> None:
        engine, desk = vetted.engine, self._reception.desk
        if engine.version == self._engine.version and not self._is_bad:
            return  # A case file changed, or a file was only touched.
        await note_policy_in_force(desk, engine.version)
        self._reception.desk = replace(desk, gate=Gate(engine, self._signer, self._site))  # (4)
        self._engine, self._is_bad = engine, False
        self._owes_sweep, self._sweep_until = True, time.monotonic() + SWEEP_FOR_SECONDS
        log.info("the policy in force is version %s", engine.version[:12])
