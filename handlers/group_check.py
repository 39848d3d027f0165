"""Whether each policy group is one in Slack too, asked at the start and when the policy changes.

Slack says which user groups there are, whether they are disabled and who is in them. It does not say who may edit
them: that is a setting of the workspace which no method shows. So the settings' own list is always needed beside the
group, and a group that holds every full member is refused, whoever filled it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.desk import GroupSetting
from handlers.errors import IdentityRefused, IdentityUnavailable
from handlers.identity import Home, person_of
from policy.vetting import setting_of

_PAGE = 200


async def group_problems(client: AsyncWebClient, home: Home, groups: Iterable[GroupSetting]) -> list[str]:
    """What is wrong with these groups, a line each with the setting and the cure. Raises IdentityUnavailable."""
    wanted = sorted(groups, key=lambda group: group.name)
    try:
        answer = await client.usergroups_list(include_disabled=True)
        known = {str(one["id"]): one for one in answer.get("usergroups") or ()}
        problems = [problem for group in wanted if (problem := _not_usable(group, known))]
        usable = [group for group in wanted if not _not_usable(group, known)]
        listed = {group.name: await _members(client, group) for group in usable}
        problems += [problem for group in usable if (problem := _nobody(group, listed[group.name]))]
        return problems + await _open_to_all(client, home, [(group, listed[group.name]) for group in usable])
    except SlackApiError as error:
        code = error.response.get("error") if hasattr(error.response, "get") else error
        raise IdentityUnavailable(
            f"Slack does not say which user groups there are and who is in them ({code})"
        ) from error
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise IdentityUnavailable(
            f"Slack does not say which user groups there are and who is in them: {error}"
        ) from error


def _not_usable(group: GroupSetting, known: Mapping[str, Mapping[str, Any]]) -> str | None:
    setting = f"{setting_of(group.name)}_GROUP"
    if not group.member_ids:
        return (
            f"{setting_of(group.name)}_MEMBERS: names nobody, and Slack's user group alone never lets anybody decide;"
            " name the member ids (U…) of those who may"
        )
    found = known.get(group.usergroup_id)
    if found is None:
        return (
            f"{setting}: this workspace has no user group {group.usergroup_id}; copy the id in Slack, from the group's"
            " menu: Copy group ID"
        )
    if found.get("date_delete") != 0:
        return (
            f"{setting}: the user group {group.usergroup_id} is disabled in Slack; enable it there, or name another one"
        )
    return None


async def _members(client: AsyncWebClient, group: GroupSetting) -> frozenset[str]:
    answer = await client.usergroups_users_list(usergroup=group.usergroup_id, include_disabled=False)
    return frozenset(answer.get("users") or ())


def _nobody(group: GroupSetting, listed: frozenset[str]) -> str | None:
    if listed & group.member_ids:
        return None
    return (
        f"{setting_of(group.name)}_MEMBERS: a deadlock: nobody whom it names is in Slack's user group"
        f" {group.usergroup_id}, so {group.name} could never approve anything; add them there, or name who is in it"
    )


async def _open_to_all(
    client: AsyncWebClient, home: Home, groups: Iterable[tuple[GroupSetting, frozenset[str]]]
) -> list[str]:
    """The groups that leave no full member of the workspace out. The list of all is read only as far as is needed."""
    suspects = [(group, listed) for group, listed in groups if listed]
    async for user_id in _full_members(client, home):
        suspects = [(group, listed) for group, listed in suspects if user_id in listed]
        if not suspects:
            break
    return [
        f"{setting_of(group.name)}_GROUP: Slack's user group {group.usergroup_id} holds every full member of the"
        " workspace, so it says nothing about who may decide; name one whose members were chosen"
        for group, _ in suspects
    ]


async def _full_members(client: AsyncWebClient, home: Home) -> AsyncIterator[str]:
    cursor = ""
    while True:
        answer = await client.users_list(limit=_PAGE, cursor=cursor)
        for user in answer.get("members") or ():
            try:
                person = person_of(user, home)
            except IdentityRefused:
                continue  # Without an id or a company they are nobody's full member.
            if person.is_home and person.is_active and person.is_full_member and person.is_human:
                yield person.key.user_id
        cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            return
