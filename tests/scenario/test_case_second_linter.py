"""A model looks at each revision of a draft after the rules: what it marks waits for a person, and it lifts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from copilot import assistants
from copilot.assistant_terms import Spent
from copilot.lint_terms import Code
from copilot.rendered_draft import rendered
from copilot.trace_document import Record, make_trace
from copilot.trace_page import trace_page
from handlers.errors import IdentityUnavailable
from handlers.flows import case_asks, write_draft
from handlers.flows.case_linting import lint_revision
from handlers.flows.change_case import change_case
from handlers.flows.suggest_marks import CLOSED, MAY_NOT, SUGGEST
from handlers.views import case_ids as ids
from policy import case_entries as e
from policy.case_release import Hold
from policy.case_story import Revision
from policy.case_terms import Author
from policy.terms import Person, PersonKey
from storage import job_queue
from storage.audit import Step
from storage.embedded import EmbeddedServer
from tests.messages_api import MODEL, fails, says, serving
from tests.messages_stream import streams, words
from tests.running import RunningDesk
from tests.scenario.case_desk import CaseInSlack, approve, case_desk, close, edit_draft, open_case, take_turn
from tests.scenario.case_model import CaseModel, LookedAt, after
from tests.scenario.test_case_copilot import release
from tests.scenario.test_case_with_a_model import (
    GOAL,
    OLIVIA,
    SAM,
    SEEN,
    UPDATE,
    VALUES,
    read_by_customer,
    with_update,
)
from tests.scenario.test_false_authority import text_of
from tests.threats.conftest import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUOTE = "which is certain"
WHY = "What was previewed is on record, and how sure that is, is not."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[RunningDesk, CaseModel]]:
    patch = pytest.MonkeyPatch()
    patch.setattr(assistants, "REQUEST_SECONDS", 4.0)  # How long a model may be silent: a minute is long for a test.
    async with serving() as api:
        model = CaseModel(api)
        with fresh_database(postgres) as url:
            async with case_desk(url, tmp_path_factory.mktemp("desk"), environment=model.settings) as desk:
                patch.undo()
                yield desk, model


@pytest_asyncio.fixture(loop_scope="module")
async def model(running: tuple[RunningDesk, CaseModel]) -> CaseModel:
    running[1].forget()
    return running[1]


@pytest_asyncio.fixture(loop_scope="module")
async def case(running: tuple[RunningDesk, CaseModel], model: CaseModel) -> CaseInSlack:
    return await open_case(running[0], GOAL)


def surer(look: LookedAt) -> list[dict[str, Any]]:
    """One mark that holds, and what a hostile model would add: what there is not, what lifts, and very much."""
    [first] = [one["sentence"] for one in look.document["sentences"] if QUOTE in one["text"]]
    good = {"code": "overstated", "sentence": first, "quote": QUOTE, "words": WHY}
    return [
        {**good, "code": "approved"},
        {**good, "code": "rejected_citation"},
        {**good, "sentence": 99},
        {**good, "quote": "nothing was exposed"},
        good,
        *[good] * 200,
    ]


async def newest(case: CaseInSlack) -> Revision:
    found = (await case.story()).newest(UPDATE)
    assert found is not None
    return found


async def models_marks(case: CaseInSlack) -> list[tuple[Code, str]]:
    """What stands against the newest revision by the model's word."""
    story, revision = await case.story(), await newest(case)
    text = [one.text for one in revision.draft.sentences]
    marks = [one for one in lint_revision(story, revision).blocks if one.model]
    return [(one.code, text[one.sentence][one.start : one.end]) for one in marks]


async def looks(case: CaseInSlack) -> Sequence[e.MarksSuggested]:
    return [look for _, look in (await case.story()).suggestions]


async def test_what_a_model_marks_holds_an_update_back_until_the_lead_overrides_it_with_a_reason(
    model: CaseModel, case: CaseInSlack
) -> None:
    desk, before = case.desk, read_by_customer(case)
    model.will_mark(surer)
    await with_update(case, model)

    # It is on the record, for this revision, with what it cost; who wrote the revision is who asked.
    [(entry, look)] = (await case.story()).suggestions
    assert (look.draft_id, look.revision) == (UPDATE, 1)
    assert look.author == Author(model=MODEL, prompt_version="lint.v1")
    assert [(one.code, one.quote, one.words) for one in look.marks] == [("overstated", QUOTE, WHY)]
    assert (look.dropped, look.input_tokens, look.output_tokens, entry.actor) == (204, 11, 7, str(OLIVIA))
    trail = await desk.trail(case.ticket_id)
    [asked] = [one for one in trail if one.name == Step.CASE_ASKED and one.payload["task"] == SUGGEST]
    answered = [one.payload["ask"] for one in trail if one.name == Step.CASE_ANSWERED]
    assert asked.actor == str(OLIVIA) and asked.payload["ask"] in answered
    spent = Spent.of_case(await case.story())
    assert spent.turns == 2 and spent.tokens == Spent.of(t for _, t in (await case.story()).turns).tokens + 18
    assert model.leaked(*VALUES) == set() and len(model.looked) == 1

    # It blocks, says whose word it is, and no release can be asked for.
    assert await models_marks(case) == [(Code.OVERSTATED, QUOTE)]
    shown = await case.press(ids.SEE_DRAFT, UPDATE)
    said = text_of(shown)
    assert f"{MODEL} suggests: “{WHY}”" in said and f"{MODEL} looked too and suggested 1 mark" in said
    assert ids.ASK_RELEASE not in str(shown)

    # The lead answers for it, with a reason, and then it goes its way.
    await case.press_in_modal(ids.OVERRIDE_MARK)
    await case.send({"mark": "overstated:0", "reason": "The trail is whole for that day."})
    assert await models_marks(case) == []
    request_id = await release(case, UPDATE, "sam")
    await approve(case, request_id, "sana")
    sent = await desk.until(lambda: read_by_customer(case)[len(before) :])
    assert sent == [rendered((await newest(case)).draft)]
    page = trace_page(make_trace(str(case.case_id), await case.story(), Record(desk.parts.reception.desk.clock()), {}))
    assert f"A model suggested 1 mark: draft {UPDATE}, revision 1" in page and WHY in page


async def test_threat_08_a_models_mark_that_comes_after_the_request_keeps_it_back(
    model: CaseModel, case: CaseInSlack
) -> None:
    """As when the look is slower than the lead: the mark is put on the record while the release waits."""
    await with_update(case, model)
    request_id, before = await release(case, UPDATE, "sam"), read_by_customer(case)
    desk = case.desk.parts.reception.desk
    olivia = await desk.people.resolve(OLIVIA)
    [empty] = await looks(case)
    mark = e.SuggestedMark("exposure_denial", 0, QUOTE, WHY)

    async def late(_: object) -> list[e.Body]:
        return [e.MarksSuggested(UPDATE, 1, empty.author, (mark,))]

    await change_case(desk, case.case_id, olivia, "have the model look at a draft", late)
    await approve(case, request_id, "sana")

    sana = case.desk.slack.person("sana")
    await case.desk.until(lambda: Hold.MARKED.value in text_of(sana.ephemerals("desk-approvals")[-1]))
    assert read_by_customer(case) == before and (await case.story()).releases == ()

    # The latch is set, and its rule over words about exposure is the rules' own: a reason lets this one go.
    await case.press(ids.SEE_DRAFT, UPDATE)
    await case.press_in_modal(ids.OVERRIDE_MARK)
    await case.send({"mark": "exposure_denial:0", "reason": "It denies nothing."})
    await approve(case, request_id, "sana")
    assert await case.desk.until(lambda: read_by_customer(case)[len(before) :])


async def test_threat_09_a_mark_that_came_while_the_lead_wrote_a_reason_is_not_overridden_unread(
    model: CaseModel, case: CaseInSlack
) -> None:
    model.will_mark(surer)
    await with_update(case, model)
    await case.press(ids.SEE_DRAFT, UPDATE)
    await case.press_in_modal(ids.OVERRIDE_MARK)
    desk = case.desk.parts.reception.desk
    [look] = await looks(case)
    more = e.MarksSuggested(UPDATE, 1, look.author, (e.SuggestedMark("overstated", 0, "two previews", WHY),))

    async def late(_: object) -> list[e.Body]:
        return [more]

    olivia = await desk.people.resolve(OLIVIA)
    await change_case(desk, case.case_id, olivia, "have the model look at a draft", late)
    form = {"mark": "overstated:0", "reason": "The trail is whole for that day."}
    await case.desk.slack.person("olivia").submit(values=form)

    assert (await case.story()).overrides == ()
    assert await models_marks(case) == [(Code.OVERSTATED, QUOTE), (Code.OVERSTATED, "two previews")]

    await case.press(ids.SEE_DRAFT, UPDATE)
    await case.press_in_modal(ids.OVERRIDE_MARK)
    await case.send(form)
    assert await models_marks(case) == []


async def test_each_revision_is_looked_at_for_whoever_wrote_it_and_marks_stay_with_their_revision(
    model: CaseModel, case: CaseInSlack
) -> None:
    model.will_mark(surer)
    await with_update(case, model)
    model.will_mark(says({"marks": []}))

    await edit_draft(case, UPDATE, f", {QUOTE}", "", "overstated_certainty", who="sam")
    await case.desk.idle()

    assert [one.revision for one in await looks(case)] == [1, 2]
    assert [str(SAM)] == [entry.actor for entry, look in (await case.story()).suggestions if look.revision == 2]
    assert await models_marks(case) == []
    assert not any(QUOTE in one["text"] for one in model.looked[-1].document["sentences"])
    assert SEEN in [one["text"] for one in model.looked[-1].document["statements"]]
    assert "suggested no marks" in text_of(await case.press(ids.SEE_DRAFT, UPDATE))


async def test_a_model_that_fails_leaves_the_rules_alone_and_the_draft_says_so(
    model: CaseModel, case: CaseInSlack
) -> None:
    model.will_mark(*[fails(529, "overloaded_error", {"retry-after-ms": "1"})] * 3)
    await with_update(case, model)

    [look] = await looks(case)
    assert (look.marks, look.ended) == ((), "failed") and "overloaded (529)" in look.why
    shown = text_of(await case.press(ids.SEE_DRAFT, UPDATE))
    assert "Marked by the rules alone: the model could not look, the service is overloaded (529)" in shown
    assert await release(case, UPDATE)


async def test_a_look_is_neither_lost_nor_paid_twice_while_slack_does_not_say_whose_an_address_is(
    model: CaseModel, case: CaseInSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_asks, "SLACK_RETRY_SECONDS", 0.05)
    people = type(case.desk.parts.reception.desk.people)
    ask, silent = people.address_of, [0]

    async def address_of(self: Any, key: PersonKey) -> str:
        if silent[0]:
            silent[0] -= 1
            raise IdentityUnavailable("Slack is away")
        return await ask(self, key)

    def going_away(_: LookedAt) -> list[dict[str, Any]]:
        silent[0] = 2
        return []

    monkeypatch.setattr(people, "address_of", address_of)
    model.will_mark(going_away)
    await with_update(case, model)

    assert silent == [0]
    assert [one.ended for one in await looks(case)] == ["done"] and len(model.looked) == 1


async def test_a_look_for_somebody_who_left_the_case_says_what_happened_and_what_to_do(
    model: CaseModel, case: CaseInSlack
) -> None:
    """Sam, who wrote the revision, is taken off the case: before the look was made, and while it is."""
    desk = case.desk.parts.reception.desk
    olivia = await desk.people.resolve(OLIVIA)
    assert isinstance(olivia, Person)
    await with_update(case, model)

    async def members(*keys: PersonKey) -> None:
        async def staffed(_: object) -> list[e.Body]:
            return [e.MembersChanged(keys)]

        await change_case(desk, case.case_id, olivia, "say who works on it", staffed, lead_only=True)

    model.will_mark(after(members, says({"marks": []})))
    await edit_draft(case, UPDATE, f", {QUOTE}", "", "overstated_certainty", who="sam")
    await case.desk.idle()

    # It was made and paid for: what it used is on the record, what it marked is not.
    refused = (await looks(case))[-1]
    assert (refused.revision, refused.ended, refused.marks, refused.why) == (2, "refused", (), MAY_NOT)
    assert (refused.input_tokens, refused.output_tokens) == (11, 7)
    shown = text_of(await case.press(ids.SEE_DRAFT, UPDATE))
    assert f"Marked by the rules alone: the model could not look, {MAY_NOT}" in shown and "yet" not in shown

    # Somebody who is on the case changes it: that revision is looked at.
    await edit_draft(case, UPDATE, "two previews", "the two previews", "other")
    await case.desk.idle()
    assert ((await looks(case))[-1].revision, (await looks(case))[-1].ended) == (3, "done")

    # Before it was made, behind a turn: nothing is used, and the draft says the same.
    await members(SAM)
    made, sam = len(model.looked), await desk.people.resolve(SAM)
    assert isinstance(sam, Person)

    async def writes_and_leaves() -> None:
        seen = (await newest(case)).draft
        said = [(one.text.replace("two", "both"), one.cites) for one in seen.sentences]
        await write_draft.edit_draft(desk, case.case_id, UPDATE, seen.revision, said, "Clearer.", "other", sam)
        await members()

    model.will(after(writes_and_leaves, streams(words("Nothing new."))))
    await take_turn(case, "And now?")
    refused = (await looks(case))[-1]
    assert (refused.revision, refused.ended, refused.input_tokens) == (4, "refused", 0) and len(model.looked) == made
    assert MAY_NOT in text_of(await case.press(ids.SEE_DRAFT, UPDATE))


async def test_a_look_while_the_case_is_closed_is_on_its_record_and_marks_nothing(
    model: CaseModel, case: CaseInSlack
) -> None:
    model.will_mark(after(partial(close, case), says({"marks": []})))
    await with_update(case, model)

    story = await case.story()
    *_, closed, last = story.entries
    assert isinstance(closed.body, e.Closed) and isinstance(last.body, e.MarksSuggested)
    assert (last.actor, last.body.ended, last.body.why, last.body.input_tokens) == ("bot", "refused", CLOSED, 11)
    assert Spent.of_case(story).tokens > Spent.of(turn for _, turn in story.turns).tokens
    page = trace_page(make_trace(str(case.case_id), story, Record(case.desk.parts.reception.desk.clock()), {}))
    assert "A model did not look (refused)" in page


async def test_threat_21_a_look_at_a_draft_that_nobody_asked_for_is_not_made(
    model: CaseModel, case: CaseInSlack
) -> None:
    await with_update(case, model)
    done = len(model.looked)
    trail = await case.desk.trail(case.ticket_id)
    [asked] = [one.payload for one in trail if one.name == Step.CASE_ASKED and one.payload["task"] == SUGGEST]
    args = {"case_id": str(case.case_id), "ask": asked["ask"], "draft_id": UPDATE, "revision": 1}

    for planted in (args, args | {"ask": "0" * 32}, args | {"revision": 2}, args | {"draft_id": "internal_summary"}):
        async with case.desk.database.transaction() as tx:
            await job_queue.defer(tx, SUGGEST, queue=job_queue.TURNS, **planted)
    await case.desk.idle()

    assert len(model.looked) == done and len(await looks(case)) == 1
