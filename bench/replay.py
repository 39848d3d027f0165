"""A changed policy over 100,000 past votes, read from the database, beside bare calls of the engine under it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from actions.catalogue import Catalogue
from bench.gate import bare_call
from bench.results import Row, Table, ratios
from bench.rig import VOTE_KEY, Rig
from handlers.flows.replay_policy import replay_policy
from policy.engine import PolicyEngine
from policy.gate import Gate
from policy.loading import DEFAULT_FOLDER
from policy.votes import VoteSigner
from storage.database import Database, libpq_url

PEOPLE = 6
"""Of the security group; and one of support, who proposes."""
BASELINE = "cedarpy.is_authorized_batch calls a second, one question each, everything parsed beforehand"


async def measure(rig: Rig) -> Sequence[Table]:
    """One table, one round, which takes minutes. Two votes on each request, as critical ones have."""
    url = rig.database()
    requests = rig.take(500, 50_000)
    _fill(url, requests)
    signer = VoteSigner({"v1": bytes.fromhex(VOTE_KEY)}, "v1")
    gate = Gate(PolicyEngine.load(DEFAULT_FOLDER), signer)
    database = Database(url, pool_size=2)
    try:
        bare = [_rate_of_bare_calls(rig.take(200, 5000))]
        begin = time.perf_counter()
        found = await replay_policy(database, Catalogue(), gate, gate, datetime.now(UTC) - timedelta(days=365))
        seconds = time.perf_counter() - begin
        bare.append(_rate_of_bare_calls(rig.take(200, 5000)))  # Minutes later, on a machine that others use as well.
    finally:
        await database.close()
    if (found.votes, found.changes, found.unknown_voters) != (2 * requests, [], 0):
        raise RuntimeError(f"the same policy must change nothing: {list(found.summary())}")
    rate, usual = found.votes / seconds, sum(bare) / len(bare)
    rows = [
        Row("bare cedarpy calls, before and after (baseline)", 10_000, (), usual, "1"),
        Row("votes replayed, with their requests", 2 * requests, (), rate, ratios([rate], [usual])),
    ]
    return [Table("A changed policy over the past", BASELINE, rows, [f"the whole replay: {seconds:.1f} s"])]


def _rate_of_bare_calls(count: int) -> float:
    ask = bare_call()
    begin = time.perf_counter()
    for _ in range(count):
        ask()
    return count / (time.perf_counter() - begin)


_TICKETS = """
insert into tickets (id, subject, status, severity, category, channel_kind, intake_source, correlation_id,
  requester_kind,
  requester, requester_label, requester_is_internal, attachment_count, revision, created_at, updated_at)
select md5('t' || n)::uuid, 'x', 'open', 'high', 'credentials', 'slack_shared', 'slack', n::text, 'slack_person',
  'T0EXTERN001/U0ASKER' || mod(n, 1000), 'x', false, 0, 0, now(), now() from generate_series(1, %(count)s) n
"""
_REQUESTS = """
insert into action_requests (id, asked_by, ticket_id, ticket_revision, action_id, params, provenance, risk, verdict,
  verdict_reason, policy_ids, policy_version, proposer, proposer_label, subjects, subject_label, subject_emails,
  target, eligible, status, quorum, distinct_groups, revision, editors, card, digest, created_at, expires_at, outcome)
select md5('r' || n)::uuid, 'person:U0ASKER' || mod(n, 1000), md5('t' || n)::uuid, 0, 'user.suspend',
  '{"email": "x@acme.example"}',
  '{"email": {"provenance": "operator", "evidence": ""}}', 'critical', 'needs_approval', '', '[]', 'before',
  'T0ACME00001/U0OLIVIA001', 'x', json_build_array('T0ACME00001/U0SUBJECT' || mod(n, 1000)), 'x', '["x@acme.example"]',
  'email:x@acme.example', (select json_agg(json_build_object('key', 'T0ACME00001/U0SEC' || p, 'name', 'x', 'groups',
    json_build_array('security'))) from generate_series(1, %(people)s) p),
  'executed', 2, '[]', 1, '[]', '[]', md5('d' || n), now() - interval '90 days' + n * interval '1 minute',
  now() - interval '90 days' + n * interval '1 minute' + interval '4 hours', '' from generate_series(1, %(count)s) n
"""
_VOTES = """
insert into votes (request_id, voter, voter_label, choice, reason, digest, cast_at, slack_request_id, signature, key_id)
select md5('r' || n)::uuid, 'T0ACME00001/U0SEC' || v, 'x', 'approve', '', md5('d' || n),
  now() - interval '90 days' + n * interval '1 minute' + interval '1 hour', 'x', 'x', 'x'
from generate_series(1, %(count)s) n, generate_series(1, 2) v
"""
_TRAIL = """
insert into audit_events (chain, seq, at, name, actor, payload, prev_hash, hash)
select 'ticket:' || md5('t' || n)::uuid, s, now(), case when s = 1 then 'intake_received' when s = 2 then
  'policy_decided' else 'vote_cast' end, case when s < 3 then 'policy' else 'T0ACME00001/U0SEC' || s - 2 end,
  json_build_object('actionRequestId', md5('r' || n)::uuid, case when s = 2 then 'proposer' else 'voter' end,
    json_build_object('groups', json_build_array(case when s = 2 then 'support' else 'security' end), 'isHome', true,
    'isActive', true, 'isFullMember', true, 'isHuman', true, 'isEmailConfirmed', true)), '', ''
from generate_series(1, %(count)s) n, generate_series(1, 4) s
"""


def _fill(url: str, count: int) -> None:
    with psycopg.connect(libpq_url(url)) as connection:
        for statement in (_TICKETS, _REQUESTS, _VOTES, _TRAIL):
            connection.execute(statement, {"count": count, "people": PEOPLE})
        connection.execute("analyze")
