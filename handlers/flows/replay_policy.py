"""A changed policy over the requests and votes that are on record. Nothing is written, and nobody is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from actions.catalogue import Catalogue
from actions.errors import UnknownAction
from handlers.flows.judged_facts import action_facts
from policy.gate import Gate
from policy.replaying import PastRequest, PastVote, Replay, replay_one
from policy.terms import Agent, Choice, Person, PersonKey, Provenance, RequestFacts, RequestStatus, Verdict
from storage.database import Database
from storage.history import RecordedRequest, requests_since
from storage.people import every_tie

_EVERYTHING = {
    "isHome": True,
    "isActive": True,
    "isFullMember": True,
    "isHuman": True,
    "isEmailConfirmed": True,
}
"""What holds of whoever could approve a request: the core lets nobody else."""


async def replay_policy(database: Database, catalogue: Catalogue, new: Gate, in_force: Gate, since: datetime) -> Replay:
    """What would change of all that was asked and voted since then."""
    found = Replay()
    async with database.transaction() as tx:
        ties = await every_tie(tx)
        async for past in _past(requests_since(tx, since), catalogue):
            replay_one(new, in_force, past, found, ties)
    return found


async def _past(recorded: AsyncIterator[RecordedRequest], catalogue: Catalogue) -> AsyncIterator[PastRequest]:
    """Each request with everybody whose groups were on record by then."""
    known: dict[PersonKey, Person] = {}
    async for one in recorded:
        for entry in one.request.eligible:
            if "groups" in entry:
                person = _person(entry["key"], {"groups": entry["groups"]} | _EVERYTHING)
                known[person.key] = person
        proposer: Person | Agent | None = None
        if one.request.proposer is None:
            proposer = Agent(one.request.proposer_label)
        elif one.proposer is not None:
            proposer = _person(one.request.proposer, one.proposer)
            known[proposer.key] = proposer
        try:
            yield _request(one, catalogue, proposer, tuple(known.values()))
        except UnknownAction:  # The catalogue no longer has it, so no policy decides about it.
            continue


def _request(
    one: RecordedRequest, catalogue: Catalogue, proposer: Person | Agent | None, people: tuple[Person, ...]
) -> PastRequest:
    request, ticket = one.request, one.ticket
    provenance = {name: Provenance(found["provenance"]) for name, found in request.provenance.items()}
    facts = action_facts(
        ticket,
        catalogue.get(request.action_id),
        request.params,
        subjects=frozenset(map(PersonKey.parse, request.subjects)),
        subject_emails=frozenset(request.subject_emails),
        provenance=provenance,
        is_stopped=False,  # What a policy makes of a request is not what somebody stopped for a while,
        held_back="",  # nor what a case kept back at some moment.
        break_glass=request.break_glass,
    )
    is_reported = "/" in one.opened_by and one.opened_by != ticket.requester
    return PastRequest(
        facts=RequestFacts(
            request_id=str(request.id),
            action=facts,
            proposer=None if request.proposer is None else PersonKey.parse(request.proposer),
            editors=frozenset(map(PersonKey.parse, [*request.editors, *([one.opened_by] if is_reported else [])])),
            status=RequestStatus(request.status),
            quorum=request.quorum,
            digest=request.digest,
            policy_version=request.policy_version,
            expires_at=request.expires_at,
            matches_trail=True,
            was_rejected_meanwhile=False,
            distinct_groups=frozenset(request.distinct_groups),
        ),
        ticket_number=ticket.number,
        verdict=Verdict(request.verdict),
        proposer=proposer,
        created_at=request.created_at,
        eligible=tuple(PersonKey.parse(entry["key"]) for entry in request.eligible),
        people=people,
        votes=tuple(
            PastVote(
                PersonKey.parse(row.voter),
                Choice(row.choice),
                row.cast_at,
                _person(row.voter, one.voters[row.voter]) if row.voter in one.voters else None,
            )
            for row in one.votes
        ),
    )


def _person(key: str, judged: Mapping[str, Any]) -> Person:
    found = PersonKey.parse(key)
    return Person(
        key=found,
        team_id=found.home,
        name=key,
        company=found.home,
        email=None,
        is_home=judged["isHome"],
        is_active=judged["isActive"],
        is_full_member=judged["isFullMember"],
        is_human=judged["isHuman"],
        is_email_confirmed=judged["isEmailConfirmed"],
        groups=frozenset(judged["groups"]),
        linked=frozenset(map(PersonKey.parse, judged.get("linked", ()))),
    )
