"""The only door for 'who': what Slack asserts about an account right now, as a `Person`.

Three rules. The account is taken from `body.user.id` and `body.user.team_id` of a click, and from nothing else (in a
shared channel `team.id` is the app's own workspace, and Bolt's `context.team_id` and `actor_team_id` follow it). What
is not stated is not proven: a missing field never makes somebody a full member. And no answer from Slack is no
answer: it raises, it is never guessed.

Where something is decided, the account is read from Slack for that decision, always. So are the user groups, as long
as Slack's limit of about 20 such calls a minute allows; when these are nearly spent, a list that was read less than ten
seconds before will do (`handlers.group_lists` has the rule). Only names are kept for longer, and decide nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.desk import GroupSetting
from handlers.errors import LIMITED_BY_SLACK, IdentityRefused, IdentityUnavailable
from handlers.group_lists import LIVE_CALLS_A_MINUTE, GroupLists, Need
from handlers.press_limit import PRESSES_A_MINUTE, PressLimit
from policy.one_person import own_address
from policy.terms import Person, PersonKey

log = logging.getLogger(__name__)

ANSWER_WITHIN_SECONDS = 2.0
"""Slack gives a click three seconds; past this the click is refused, with words, instead of timing out without."""
NAME_WITHIN_SECONDS = 1.0
"""A company's name is for reading; past this its id will do."""
AUTHOR_CACHE_SECONDS = 30.0
TRY_IN_SLACK = "Try again from Slack itself; if it stays so, write what you need in the ticket's thread."
SLACKBOT = "USLACKBOT"
_NO_SUCH_PERSON = frozenset({"user_not_found", "users_not_found", "user_not_visible"})
_NOT_PEOPLE = ("is_app_user", "is_workflow_bot", "is_connector_bot")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Home:
    """The company that runs the desk, as `auth.test` names it."""

    team_id: str
    enterprise_id: str | None = None

    def owns(self, team_id: str, enterprise_id: str | None) -> bool:
        """Whether an account of this team or enterprise is one of ours."""
        if self.enterprise_id is not None or enterprise_id is not None:
            # One of the two alone proves nothing: it would also give the same person a second key.
            return self.enterprise_id == enterprise_id
        return team_id == self.team_id


class Identity:
    """Reads people from Slack. Implements `handlers.desk.People`."""

    def __init__(
        self,
        client: AsyncWebClient,
        home: Home,
        groups: Mapping[str, GroupSetting],
        monotonic: Callable[[], float],
        *,
        answer_within_seconds: float = ANSWER_WITHIN_SECONDS,
        live_group_lists_a_minute: int = LIVE_CALLS_A_MINUTE,
        presses_a_minute: int = PRESSES_A_MINUTE,
    ) -> None:
        self._client = client
        self.home = home
        self._groups = dict(groups)
        self._group_lists = GroupLists(self._group_list, monotonic, live_calls_a_minute=live_group_lists_a_minute)
        self._presses = PressLimit(monotonic, a_minute=presses_a_minute)
        self._monotonic = monotonic
        self._deadline = answer_within_seconds
        self._addresses: dict[str, tuple[float, str]] = {}
        self._authors: dict[tuple[str, str], tuple[float, Person]] = {}
        self._team_names: dict[str, str] = {}

    async def clicker(self, body: Mapping[str, Any]) -> Person:
        """Who pressed, submitted or typed. Raises IdentityRefused or IdentityUnavailable."""
        user = body.get("user")
        if isinstance(user, Mapping):
            user_id, team_id = user.get("id"), user.get("team_id")
        else:  # A slash command's form has them flat; its team_id is the typist's.
            user_id, team_id = body.get("user_id"), body.get("team_id")
        if not is_id(user_id) or not is_id(team_id):
            raise IdentityRefused(
                "the payload names no user or no team of theirs",
                code="identity-incomplete",
                reply="Slack did not say which company your account belongs to, so nothing was done. " + TRY_IN_SLACK,
            )
        self._presses.count(str(user_id))
        try:
            # One limit for all that is asked: two answers that are slow each would be too late together.
            async with asyncio.timeout(self._deadline):
                return await self._live(str(user_id), str(team_id))
        except TimeoutError as error:
            raise IdentityUnavailable(f"who {user_id} is: no whole answer in {self._deadline} s") from error

    async def resolve(self, key: PersonKey) -> Person:
        """Who this is right now: the groups too, whatever is left of the minute's calls, or the second look before a
        run would be the first one again. Raises IdentityUnavailable; an account that is gone is nobody, not an error.
        """
        try:
            return await self._live(key.user_id, key.home, need=Need.LIVE)
        except IdentityRefused as refused:
            log.warning("%s counts no longer: %s", key, refused)
            return Person(key, key.home, str(key), "", None, False, False, False, False, False)

    async def address_of(self, key: PersonKey) -> str:
        """The confirmed address of a live account of ours, in lower case; else "". Raises IdentityUnavailable.

        It may be as old as an author: it is compared to take somebody out, and who would rather not be found by an
        address just has another. Asked live for each decision, it would halve how many Slack's limits leave us.
        """
        now = self._monotonic()
        known = self._addresses.get(key.user_id)
        if known is not None and known[0] > now:
            return known[1]
        try:
            return own_address(await self._account(key.user_id, None))
        except IdentityRefused:
            self._remember_address(key.user_id, "")  # Slack does not know such an account, so nobody uses it.
            return ""

    async def listed(self, group: str, *, need: Need) -> frozenset[str]:
        """The user ids in Slack's user group, not narrowed by the settings. Raises IdentityUnavailable."""
        return await self._group_lists.members_of(self._groups[group].usergroup_id, need=need)

    async def account(self, user_id: str) -> tuple[PersonKey, str]:
        """The key and name of one of our accounts, by its id alone. Raises IdentityUnavailable."""
        try:
            person = await self._account(user_id, None)
        except IdentityRefused:
            return PersonKey(self.home.enterprise_id or self.home.team_id, user_id), user_id
        return person.key, person.name

    async def members(self, group: str) -> Sequence[Person]:
        """Everyone in a policy group right now. Raises IdentityUnavailable."""
        lists = await self._lists(self._groups[group].member_ids)
        user_ids = sorted(lists.get(group, ()))
        people = await asyncio.gather(*(self._account(user_id, None) for user_id in user_ids), return_exceptions=True)
        found = []
        for answer in people:
            if isinstance(answer, IdentityUnavailable):
                raise answer
            if isinstance(answer, Person):
                found.append(_grouped(answer, lists))
            elif not isinstance(answer, IdentityRefused):
                raise answer
        return found

    async def author(self, user_id: str, team_id: str | None) -> Person:
        """Who wrote a message, for display and for its side of the thread: may be forty seconds old.

        Never used where something is decided. Raises IdentityRefused or IdentityUnavailable.
        """
        now = self._monotonic()
        known = self._authors.get((user_id, team_id or ""))
        if known is not None and known[0] > now:
            return known[1]
        person = await self.named(await self._live(user_id, team_id, need=Need.DISPLAY))
        if len(self._authors) > 10_000:
            self._authors.clear()
        self._authors[(user_id, team_id or "")] = (now + AUTHOR_CACHE_SECONDS, person)
        return person

    async def named(self, person: Person) -> Person:
        """The same person with their company's name, where Slack tells it soon enough; else the id stays.

        For display. No decision waits for a name: without this, a person has the name that is known already.
        """
        if not person.team_id or person.company != person.team_id:
            return person
        return replace(person, company=await self._team_name(person.team_id))

    async def _live(self, user_id: str, claimed_home: str | None, *, need: Need = Need.DECISION) -> Person:
        """An account and its groups, asked for at the same time: one waits no longer for both than for the slower."""
        account, lists = await asyncio.gather(self._account(user_id, claimed_home), self._lists([user_id], need=need))
        return _grouped(account, lists)

    async def _account(self, user_id: str, claimed_home: str | None) -> Person:
        """Ask Slack, and check that the account belongs where the payload says it does. In no groups yet."""
        if not is_id(user_id):
            raise IdentityRefused(
                f"{user_id[:30]!r} is no account's id",
                code="identity-incomplete",
                reply="Slack did not say which account you use, so nothing was done. " + TRY_IN_SLACK,
            )
        answer = await self._ask(lambda: self._client.users_info(user=user_id), f"users.info of {user_id}")
        person = person_of(answer.get("user") or {}, self.home)
        if person.key.user_id != user_id or not _is_same_home(answer["user"], claimed_home):
            raise IdentityRefused(
                f"{user_id} is not of {str(claimed_home)[:30]!r}: Slack says {person.key}",
                code="identity-mismatch",
                reply="Slack's answer about your account does not match your click, so nothing was done. "
                + TRY_IN_SLACK,
            )
        self._remember_address(user_id, own_address(person))
        return replace(person, company=person.company or self._team_names.get(person.team_id, person.team_id))

    def _remember_address(self, user_id: str, address: str) -> None:
        if len(self._addresses) > 10_000:
            self._addresses.clear()
        self._addresses[user_id] = (self._monotonic() + AUTHOR_CACHE_SECONDS, address)

    async def _lists(self, user_ids: Collection[str], *, need: Need = Need.DECISION) -> Mapping[str, frozenset[str]]:
        """Who is in each policy group whose setting names one of these people; the other groups are not asked for."""
        naming = [one for one in self._groups.values() if any(user_id in one.member_ids for user_id in user_ids)]
        answers = await asyncio.gather(*(self._group_lists.members_of(one.usergroup_id, need=need) for one in naming))
        # A workspace may let every member edit its user groups, so Slack's list alone proves nothing.
        return {one.name: answer & one.member_ids for one, answer in zip(naming, answers, strict=True)}

    async def _group_list(self, usergroup_id: str) -> frozenset[str]:
        answer = await self._ask(
            lambda: self._client.usergroups_users_list(usergroup=usergroup_id, include_disabled=False),
            f"members of {usergroup_id}",
        )
        return frozenset(answer.get("users") or ())

    async def _team_name(self, team_id: str) -> str:
        if team_id not in self._team_names:
            try:
                answer = await self._ask(
                    lambda: self._client.team_info(team=team_id), f"team.info of {team_id}", NAME_WITHIN_SECONDS
                )
            except (IdentityRefused, IdentityUnavailable):
                return team_id  # Asked again with the next message.
            team = answer.get("team") or {}
            # Slack answers with our own team where it may not show the other one.
            is_shown = team.get("id") == team_id and team.get("name")
            self._team_names[team_id] = str(team["name"]) if is_shown else team_id
        return self._team_names[team_id]

    async def _ask(self, call: Callable[[], Awaitable[Any]], what: str, within_seconds: float | None = None) -> Any:
        deadline = self._deadline if within_seconds is None else within_seconds
        try:
            async with asyncio.timeout(deadline):
                return await call()
        except TimeoutError as error:
            raise IdentityUnavailable(f"{what}: no answer in {deadline} s") from error
        except SlackApiError as error:
            code = str(error.response.get("error", "")) if hasattr(error.response, "get") else ""
            if code in _NO_SUCH_PERSON:
                raise IdentityRefused(
                    f"{what}: {code}",
                    code="identity-unknown",
                    reply="Slack does not show me your account, so nothing was done. " + TRY_IN_SLACK,
                ) from error
            if code == "ratelimited" or getattr(error.response, "status_code", None) == 429:
                raise IdentityUnavailable(f"{what}: Slack limits how often we ask", reply=LIMITED_BY_SLACK) from error
            raise IdentityUnavailable(f"{what}: {code or error}") from error
        except (SlackClientError, aiohttp.ClientError, OSError, ValueError) as error:
            raise IdentityUnavailable(f"{what}: {error}") from error


def person_of(user: Mapping[str, Any], home: Home) -> Person:
    """A `users.info` user as a Person without groups. Raises IdentityRefused if it has no id or no home."""
    enterprise_id = _enterprise_id(user)
    team_id = user.get("team_id") or next(iter(_enterprise_teams(user)), None)
    if not is_id(user.get("id")) or not (is_id(team_id) or is_id(enterprise_id)):
        raise IdentityRefused(
            "users.info names no id or no team",
            code="identity-incomplete",
            reply="Slack did not say which company your account belongs to, so nothing was done. " + TRY_IN_SLACK,
        )
    profile = user.get("profile") or {}
    user_id = str(user["id"])
    return Person(
        key=PersonKey(str(enterprise_id or team_id), user_id),
        team_id=str(team_id or ""),
        name=str(profile.get("real_name") or user.get("real_name") or user.get("name") or user_id),
        company=_enterprise_name(user),
        email=profile.get("email"),
        is_home=home.owns(str(team_id or ""), enterprise_id),
        is_active=user.get("deleted") is False and not user.get("is_invited_user"),
        is_full_member=user.get("is_restricted") is False
        and user.get("is_ultra_restricted") is False
        and not user.get("is_stranger"),
        is_human=user.get("is_bot") is False
        and user_id != SLACKBOT
        and not any(user.get(flag) for flag in _NOT_PEOPLE),
        is_email_confirmed=user.get("is_email_confirmed") is True,
    )


def _grouped(person: Person, lists: Mapping[str, frozenset[str]]) -> Person:
    """A person with their policy groups, where being in one could count."""
    if not (person.is_home and person.is_active and person.is_full_member and person.is_human):
        return person
    return replace(person, groups=frozenset(name for name, ids in lists.items() if person.key.user_id in ids))


def _enterprise_name(user: Mapping[str, Any]) -> str:
    enterprise = user.get("enterprise_user")
    return str(enterprise.get("enterprise_name") or "") if isinstance(enterprise, Mapping) else ""


def _enterprise_id(user: Mapping[str, Any]) -> str | None:
    enterprise = user.get("enterprise_user")
    found = enterprise.get("enterprise_id") if isinstance(enterprise, Mapping) else None
    return str(found) if is_id(found) else None


def _enterprise_teams(user: Mapping[str, Any]) -> Sequence[str]:
    enterprise = user.get("enterprise_user")
    teams = enterprise.get("teams") if isinstance(enterprise, Mapping) else None
    return [str(team) for team in teams] if isinstance(teams, list) else []


def _is_same_home(user: Mapping[str, Any], claimed: str | None) -> bool:
    """Whether the payload's team is one that Slack says the account belongs to."""
    return claimed is None or claimed in {user.get("team_id"), _enterprise_id(user), *_enterprise_teams(user)}


def is_id(value: object) -> TypeGuard[str]:
    """Whether this has the form of one of Slack's ids."""
    return isinstance(value, str) and 2 <= len(value) <= 30 and value.isascii() and value.isalnum()
