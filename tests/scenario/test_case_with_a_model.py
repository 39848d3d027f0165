"""Scenario B with a model: it looks, states and drafts; people accept, reject, correct and let out.

What the scenario is judged by, and where it is shown:

| Point | Shown by |
|---|---|
| Time from intake to an approved update that is grounded and not speculative | `test_scenario_b_with_a_model`: \
`seconds_to_update`, no untraced sentence |
| Quality of the handoff: open questions, reproduced facts and next actions are explicit | the same: `handoffs` |
| Drafts that needed a major correction, by cause | the same: `customer_drafts` |
| A reviewer can reconstruct who said what, and that people approved it | the same: `everything_sent` |
| The draft says what is confirmed, what is checked and who does what next | the same: the sentences that were sent |
| Attachment names, invoices and identities do not reach the model | the same: the captured requests |
| Possible access forces the formal security process | the same: the latch, and one of support and one of security |
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from bot.demo import evidence as demo
from copilot.case_trace import everything_sent
from copilot.measures import Corrections, gather, measure
from copilot.rendered_draft import rendered
from handlers.views import case_ids as ids
from policy.case_terms import Source, StatementKind, StatementState
from policy.latching import LatchState
from policy.terms import PersonKey
from storage.embedded import EmbeddedServer
from tests.copilot.case_turns import DIRECTORY, LOG, drafts, look, stated, states
from tests.copilot.test_what_the_copilot_gets import strings
from tests.messages_api import MODEL, serving
from tests.messages_stream import words
from tests.running import RunningDesk
from tests.scenario.case_desk import CUSTOMER, CaseInSlack, approve, case_desk, edit_draft, open_case, take_turn
from tests.scenario.case_model import Asked, Block, CaseModel
from tests.scenario.test_case_copilot import drafted, judged, release
from tests.scenario.test_false_authority import text_of
from tests.threats.conftest import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLIVIA, SAM, SANA = (PersonKey("T0ACME00001", one) for one in ("U0OLIVIA001", "U0SAM000001", "U0SANA00001"))
GOAL = "Find out what the contractor looked at after the account was closed, and tell the customer what is certain."
DUE = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
TRAIL, KNOWLEDGE = "read_attachment_trail", "search_knowledge_base"
SEEN = "The attachment store's trail records two previews of attachments by the account."
COPIES = "The contractor may have kept copies of the invoice backups."
PAGES = "Which pages did the previews show?"
RENDER = "Find out what each preview rendered."
UPDATE = "customer_update"
VALUES = (
    *(demo.CONTRACTOR_EMAIL, demo.CONTRACTOR_KEY, "Nico", "Norrland", "Trent Tully", "trent@external.example"),
    *("invoice-backup-2025", "gateway-config-export", "s-9f31", "s-7c02", "203.0.113.24"),
    *("U0OLIVIA001", "U0SAM000001", "Olivia"),
)
"""What the case's sources and people hold that no model needs."""


@dataclass
class World:
    """A desk with a model, for all tests of the module; each opens a case of its own."""

    desk: RunningDesk
    model: CaseModel


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with serving() as api:
        model = CaseModel(api)
        with fresh_database(postgres) as url:
            async with case_desk(url, tmp_path_factory.mktemp("desk"), environment=model.settings) as desk:
                yield World(desk, model)


@pytest_asyncio.fixture(loop_scope="module")
async def model(running: World) -> CaseModel:
    running.model.forget()
    return running.model


@pytest_asyncio.fixture(loop_scope="module")
async def case(running: World, model: CaseModel) -> CaseInSlack:
    return await open_case(running.desk, GOAL)


def looks(asked: Asked) -> list[Block]:
    """At everything, about the account by the mark that stands for it."""
    account = [asked.mark("account")]
    about = "preview deprovisioned session access token"
    return [
        words("I look at the account, the logs and what is documented."),
        look(DIRECTORY, accounts=account) | {"id": "toolu_a"},
        look(LOG, accounts=account) | {"id": "toolu_b"},
        look(TRAIL, accounts=account) | {"id": "toolu_c"},
        look(KNOWLEDGE, words=about) | {"id": "toolu_d"},
    ]


def proposes(asked: Asked) -> list[Block]:
    """A fact, two hypotheses, a question and a next step."""
    trail, documents = asked.evidence("attachment_trail"), asked.evidence("knowledge_base")
    return [
        states(
            stated(SEEN, evidence=trail),
            stated(COPIES, kind="hypothesis", evidence=trail),
            stated("A session may outlive the account for up to 30 minutes.", kind="hypothesis", evidence=documents),
            stated(PAGES, kind="question", evidence=trail),
            stated(RENDER, kind="next_step", evidence=[], owner_label="our engineering team", due_at=DUE.isoformat()),
        )
    ]


def update_of(asked: Asked) -> Block:
    """The customer update that follows from those statements."""
    (seen,), (pages,), (render,) = (asked.statements(one) for one in (SEEN, PAGES, RENDER))
    return drafts(
        UPDATE,
        ("Confirmed: two previews of attachments by the account are on record, which is certain.", [seen]),
        (f"Still being checked: {PAGES}", [pages]),
        (f"Next: our engineering team by {DUE:%Y-%m-%d %H:%M} UTC: {RENDER}", [render]),
    )


def read_by_customer(case: CaseInSlack) -> list[str]:
    """The messages in the customer's thread, as their client has them."""
    return [str(one["text"]) for one in case.desk.slack.person("mallory").history(CUSTOMER, case.customer_ts)]


async def test_scenario_b_with_a_model(running: World, model: CaseModel, case: CaseInSlack) -> None:
    """Every point of the table above, from the customer's first message to what they read, and the handoff."""
    model.will(looks, proposes, words("Two previews are on record. What they showed is open."))
    turn = await take_turn(case, "What did the contractor look at after the account was closed?")

    # It looked with the tools that it has, what it found and proposed is on the case, and its answer in the thread.
    assert (turn.ended, turn.author.model, turn.author.prompt_version) == ("done", MODEL, "case.v1")
    assert [one.name for one in turn.calls] == [DIRECTORY, LOG, TRAIL, KNOWLEDGE, "propose_statements"]
    assert not any(one.is_error for one in turn.calls), turn.calls
    await running.desk.until(lambda: "What they showed is open." in text_of(case.thread()))
    story = await case.story()
    assert story.latch.state is LatchState.SET
    proposed = [one for one in story.held.statements if one.author.model == MODEL]
    assert [one.state for one in proposed] == [StatementState.PROPOSED] * 5

    # The lead judges it: one is rejected, the rest accepted.
    await judged(case)
    [copies] = await case.of_kind(StatementKind.HYPOTHESIS, COPIES)
    await case.judge(ids.REJECT_STATEMENT, copies, {"reason": "Nothing shows it."})
    [render] = await case.of_kind(StatementKind.NEXT_STEP, RENDER)
    await case.accept(render)
    held = {one.text: one.state for one in (await case.story()).held.statements}
    assert (held[SEEN], held[COPIES]) == (StatementState.ACCEPTED, StatementState.REJECTED)

    # The draft: what was rejected is neither told to the model nor taken from it again.
    requests = len(model.asked)
    model.will(lambda asked: [states(stated(COPIES, kind="hypothesis", evidence=[])), update_of(asked)])
    model.will(words("The update is drafted."))
    turn = await take_turn(case, "Write the update to the customer.")
    told = model.asked[requests:]
    assert told and not any(COPIES in text for one in told for text in strings(one.body))
    revision = (await case.story()).newest(UPDATE)
    assert revision is not None and len(revision.draft.sentences) == 3

    # One sentence is surer than what is shown: the lead corrects it.
    await edit_draft(case, UPDATE, ", which is certain", "; what they showed is not known yet", "overstated_certainty")
    revision = (await case.story()).newest(UPDATE)
    assert revision is not None and revision.draft.revision == 2

    # Support and security let it out, and the customer reads what they approved.
    before = read_by_customer(case)
    request_id = await release(case, UPDATE, "sam")
    assert await running.desk.value("select status from action_requests where id = :id", id=request_id) == "pending"
    assert read_by_customer(case) == before
    await approve(case, request_id, "sana")
    assert await running.desk.until(lambda: read_by_customer(case)[len(before) :]) == [rendered(revision.draft)]
    await drafted(case, "security_handoff")
    await release(case, "security_handoff", "sam")
    story = await case.story()

    update, handoff = everything_sent(story)
    assert (update.released.audience, handoff.released.audience) == ("customer", "security")
    assert set(update.released.approvers) == {SAM, SANA}
    assert update.is_traced and handoff.is_traced
    corrected, checked, _ = update.sentences
    for one in update.sentences:
        assert (one.origin.model, one.origin.prompt_version) == (MODEL, "case.v1")
        assert one.overrides == () and one.gaps == ()
    assert [one.author.person for one in corrected.edits] == [None, OLIVIA]
    assert (corrected.edits[-1].cause, corrected.sentence.author.person) == ("overstated_certainty", OLIVIA)
    assert [one.author.model for one in checked.edits] == [MODEL]
    assert {one.source for cited in corrected.cited for one in cited.evidence} == {Source.ATTACHMENT_TRAIL}
    assert all(one.cited and not one.cited[0].missing for one in update.sentences)

    measured = gather([measure(str(case.case_id), story)])
    assert measured.customer_drafts.drafts == 1 and dict(measured.customer_drafts.by_cause) == {
        "overstated_certainty": 1
    }
    assert measured.untraced == () and measured.traced > 3 and measured.median_seconds is not None
    assert (measured.handoffs, measured.complete_handoffs) == (1, 1)

    # In no request, of triage neither, is what names people, files or sessions of the case.
    assert model.leaked(*VALUES) == set()
    assert len(model.asked) >= 5
