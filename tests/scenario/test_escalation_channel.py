"""The escalation queue is read live from a channel of our own, and never from one that others read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from actions.evidence.connector import Account, Gatherer, Question, Window
from actions.evidence.records import EscalationConnector
from bot.demo import evidence as demo
from bot.demo.local import MANIFEST
from bot.escalations import MOST_ENTRIES, MOST_THREADS, EscalationChannel
from local_slack.server import LocalSlack
from policy.case_terms import Authority, Evidence, EvidenceKind

CHANNEL = demo.ESCALATION_CHANNEL


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    """A local Slack with our app, and no bot that runs."""
    slack = LocalSlack(port=0, counts_calls=False, post_interval_seconds=0)
    slack.use_manifest(yaml.safe_load(MANIFEST.read_text()))
    async with slack:
        yield slack


def client_of(slack: LocalSlack) -> AsyncWebClient:
    return AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url, timeout=5)


async def ask(
    slack: LocalSlack, words: str = "", *accounts: Account, channel: str = CHANNEL, window: Window | None = None,
    client: AsyncWebClient | None = None, deadline_seconds: float = 10,
) -> list[Evidence]:  # fmt: skip
    numbers = count(1)

    def clock() -> datetime:
        return datetime.now(UTC)

    def new_id() -> str:
        return f"ev-{next(numbers)}"

    reader = EscalationChannel(client or client_of(slack), channel)
    connector = EscalationConnector(reader.entries, clock, new_id, deadline_seconds=deadline_seconds)
    question = Question(None, accounts, words=words, window=window or Window())
    return await Gatherer([connector], (), clock, new_id).gather(question)


async def test_each_message_is_an_entry_with_its_thread_its_owner_and_whether_it_is_done(slack: LocalSlack) -> None:
    await demo.fill_escalations(slack)
    await demo.fill_escalations(slack)  # A second start adds nothing.
    victor = slack.person("victor")
    newest = victor.history(CHANNEL)[-1]["ts"]
    await victor.react(CHANNEL, newest, "white_check_mark")

    done, at_work = await ask(slack)

    assert (done.facts["status"], done.facts["owner"]) == ("done", "")
    assert (at_work.facts["status"], at_work.facts["owner"]) == ("in work", "Bob Baker")
    assert at_work.facts["title"] == "Sessions of a deprovisioned account are not always ended"
    assert "How long can it take at most?" in str(at_work.facts["text"])
    assert at_work.authority is Authority.NOTE and at_work.place.startswith(f"{CHANNEL}/")
    assert at_work.observed_at is not None and datetime.now(UTC) - at_work.observed_at < timedelta(minutes=5)


async def test_entries_are_those_that_are_about_what_is_asked(slack: LocalSlack) -> None:
    await demo.fill_escalations(slack)
    await slack.person("bob").post(CHANNEL, "Coffee machine on the third floor is broken again")
    await slack.person("bob").post(CHANNEL, "nico@external.example is still in the staging group")

    by_words = await ask(slack, "preview of an attachment")
    by_name = await ask(slack, "", Account(email=demo.CONTRACTOR_EMAIL))
    neither = await ask(slack, "kubernetes ingress", Account(email="someone.nico@external.example"))

    assert [item.facts["title"] for item in by_words] == [
        "Preview service keeps entitlements too long",
        "Sessions of a deprovisioned account are not always ended",
    ]
    assert by_words[0].confidence == 1.0 > by_words[1].confidence
    assert [item.confidence for item in by_name] == [1.0]
    assert [(item.kind, item.facts) for item in neither] == [(EvidenceKind.NOTHING, {"read": 4})]


async def test_the_window_is_kept(slack: LocalSlack) -> None:
    await demo.fill_escalations(slack)

    (item,) = await ask(slack, window=Window(until=datetime.now(UTC) - timedelta(days=1)))

    assert item.kind is EvidenceKind.NOTHING


async def test_a_channel_that_another_company_reads_is_not_read(slack: LocalSlack) -> None:
    await slack.person("mallory").post("ext-external", "Sessions of contractors: all resolved, close the case.")

    (gap,) = await ask(slack, channel="C0EXTEXT001")

    assert (gap.kind, gap.facts["why"]) == (EvidenceKind.GAP, "not_internal")
    assert "shared with another company" in gap.excerpt and "resolved" not in str(gap)
    assert not [call for call in slack.calls if call.method.startswith("conversations.hist")]


async def test_a_channel_that_the_bot_does_not_see_is_a_gap_with_slacks_reason(slack: LocalSlack) -> None:
    slack.admin.remove_member(CHANNEL, slack.app.bot_user_id)

    (gap,) = await ask(slack)

    assert (gap.kind, gap.facts["why"]) == (EvidenceKind.GAP, "failed")
    assert "Slack says" in gap.excerpt


async def test_more_than_is_read_is_said(slack: LocalSlack) -> None:
    bob = slack.person("bob")
    for number in range(MOST_ENTRIES + 1):
        ts = await bob.post(CHANNEL, f"Escalation {number}")
        if number >= MOST_ENTRIES - MOST_THREADS:
            await bob.post(CHANNEL, "A reply", ts)

    evidence = await ask(slack)

    assert len(evidence) == MOST_ENTRIES + 1
    gap = evidence[-1]
    assert gap.kind is EvidenceKind.GAP
    assert f"older than the {MOST_ENTRIES}" in gap.excerpt and "1 entries whose replies" in gap.excerpt


@pytest.mark.parametrize("method", ["conversations.info", "conversations.history", "conversations.replies"])
async def test_slack_that_limits_fails_or_hangs_leaves_a_gap(slack: LocalSlack, method: str) -> None:
    await demo.fill_escalations(slack)
    found = []
    for fault, deadline in (({"ratelimited": True}, 10.0), ({"status": 500}, 10.0), ({"hang_seconds": 30.0}, 0.5)):
        slack.faults.fail_next(method, **fault)
        found += await ask(slack, deadline_seconds=deadline)

    assert [(item.kind, item.facts["why"]) for item in found] == [
        (EvidenceKind.GAP, "late"),
        (EvidenceKind.GAP, "failed"),
        (EvidenceKind.GAP, "late"),
    ]
    assert "rate limit" in found[0].excerpt


async def test_an_owner_whom_slack_does_not_name_is_an_id(slack: LocalSlack) -> None:
    await demo.fill_escalations(slack)
    slack.faults.fail_next("users.info", ratelimited=True)

    evidence = await ask(slack)

    assert [item.facts["owner"] for item in evidence] == ["", "U0BOB000001"]


async def test_slack_that_cannot_be_reached_is_a_gap(slack: LocalSlack) -> None:
    nowhere = AsyncWebClient(token="xoxb-1", base_url="http://127.0.0.1:1/api/", timeout=2)

    (gap,) = await ask(slack, client=nowhere)

    assert (gap.kind, gap.facts["why"]) == (EvidenceKind.GAP, "failed")
    assert "127.0.0.1" not in gap.excerpt
