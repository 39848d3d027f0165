"""The copilot without a model: what it looks for, what it says, and that it says that no model is in use."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from copilot.assistant_terms import TOOL_OF, CaseTurn, Ended, Lookup, Progress, TurnResult
from copilot.assistants import choose_assistant
from copilot.rules_assistant import NO_MODEL, NO_TONE, RulesAssistant
from copilot.statements import RULES
from policy.case_terms import DraftKind, Evidence, EvidenceKind, Source, StatementKind, StatementState
from tests.copilot.case_turns import PRICES, Sources, case_turn, nothing, sessions
from tests.policy.case_builders import NOW, evidence, held, statement

JO = "jo@contractor.example"


def account(evidence_id: str = "D1", **other: Any) -> Evidence:
    facts = {"email": JO, "status": "deprovisioned", "deprovisioned_at": (NOW - timedelta(hours=3)).isoformat()}
    return evidence(evidence_id, Source.DIRECTORY, query={"look": evidence_id}, facts=facts, **other)


def sources(**answers: Sequence[Evidence]) -> Sources:
    """Sources that all have something, and some of them what is given."""
    usual = {source: [evidence(f"{source.value}-1", source, query={"s": source.value})] for source in Source}
    usual[Source.DIRECTORY] = [account()]
    usual[Source.ACCESS_LOG] = [sessions(facts={"principal": JO})]
    return Sources({**usual, **{Source(name): items for name, items in answers.items()}})  # type: ignore[dict-item]  # lists of any evidence


async def take(turn: CaseTurn, given: Sources | None = None, progress: Progress | None = None) -> TurnResult:
    return await RulesAssistant().take_turn(turn, (given or sources()).tools, asyncio.Event(), progress)


async def test_it_looks_for_what_the_instruction_and_the_case_name() -> None:
    asked = sources()
    ticket = evidence("T1", Source.TICKET, excerpt=f"{JO} could still open backup.zip", query={"t": 1})

    await take(case_turn("What does the retention of attachments say?", held=held(items=(ticket,))), asked)

    looked = dict(asked.asked)
    assert set(looked) == set(Source)
    assert looked[Source.DIRECTORY] == Lookup(accounts=(JO,))
    assert looked[Source.ATTACHMENT_TRAIL] == Lookup(accounts=(JO,), attachments=("backup.zip",))
    assert looked[Source.KNOWLEDGE_BASE] == Lookup(words="What does the retention of attachments say?")


async def test_it_compares_the_accounts_state_with_its_uses_and_says_that_no_model_is_in_use() -> None:
    result = await take(case_turn(f"Look at {JO}."))

    assert result.ended is Ended.DONE and result.improved
    assert result.answer.startswith(NO_MODEL)
    assert result.author == RULES and (result.usage.tokens, result.cost_usd) == (0, Decimal(0))
    facts = [one.text for one in result.statements if one.kind is StatementKind.FACT]
    assert any("after the deactivation time in the directory" in one for one in facts)
    assert [one.name for one in result.calls] == [TOOL_OF[source] for source in Source]


async def test_it_fills_the_templates_of_the_drafts_that_are_asked_for() -> None:
    known = (statement("S1", state=StatementState.ACCEPTED), statement("S2", state=StatementState.REJECTED, text="No."))

    result = await take(case_turn("Draft a customer update and a security handoff.", held=held(known)))

    assert [one.kind for one in result.drafts] == [DraftKind.CUSTOMER_UPDATE, DraftKind.SECURITY_HANDOFF]
    update = result.drafts[0]
    assert update.sentences[0].text == "Confirmed: A session was opened on 1 March."
    assert all("No." not in one.text for draft in result.drafts for one in draft.sentences)


async def test_nothing_is_drafted_that_was_not_asked_for() -> None:
    assert (await take(case_turn(f"Look at the customer's account {JO}."))).drafts == ()


async def test_a_source_that_has_nothing_pauses_and_asks_and_what_was_found_is_kept() -> None:
    gap = evidence("G1", Source.ATTACHMENT_TRAIL, EvidenceKind.GAP, query={"g": 1})

    result = await take(case_turn(f"Look at {JO}."), sources(access_log=[nothing()], attachment_trail=[gap]))

    assert result.ended is Ended.PAUSED
    assert "The access log holds nothing" in result.question and "trail could not be read" in result.question
    assert {"D1", "N1", "G1"} <= {one.evidence_id for one in result.evidence}
    assert result.statements


async def test_a_turn_that_finds_only_what_was_known_improves_nothing() -> None:
    first = await take(case_turn("And now?"), sources())
    turn = case_turn("And now?", held=held(first.statements, (evidence(), *first.evidence)))
    renamed = {
        source.value: [evidence(f"{source.value}-2", source, query={"s": source.value}, minutes=9)]
        for source in (Source.TICKET, Source.KNOWLEDGE_BASE, Source.ESCALATION_QUEUE)
    }

    second = await take(turn, sources(**renamed))

    assert first.improved and len(second.evidence) == 3 and not second.improved


async def test_it_can_be_stopped_and_keeps_what_it_had() -> None:
    stop = asyncio.Event()
    steps: list[str] = []

    def step(words: str) -> None:
        steps.append(words)
        if "access log" in words:
            stop.set()

    result = await RulesAssistant().take_turn(
        case_turn(f"Look at {JO}."), sources().tools, stop, Progress(on_step=step)
    )

    assert result.ended is Ended.STOPPED and "A person stopped" in result.answer
    assert steps[-1] == "Looks in the access log"
    assert "D1" in {one.evidence_id for one in result.evidence}


async def test_a_source_that_fails_is_a_question_and_no_error() -> None:
    async def breaks(_: Lookup) -> Sequence[Evidence]:
        raise OSError("/srv/secret/path")

    tools = {**sources().tools, Source.DIRECTORY: breaks}
    result = await RulesAssistant().take_turn(case_turn(f"Look at {JO}."), tools, asyncio.Event())

    assert result.ended is Ended.PAUSED and "directory could not be read" in result.question
    assert "/srv" not in str(result)


async def test_a_source_that_hangs_is_given_up() -> None:
    async def hangs(_: Lookup) -> Sequence[Evidence]:
        await asyncio.sleep(60)
        return []

    tools = {**sources().tools, Source.DIRECTORY: hangs}
    result = await RulesAssistant(seconds=0.2).take_turn(case_turn(f"Look at {JO}."), tools, asyncio.Event())

    assert any(one.is_error for one in result.calls)


async def test_a_tone_needs_a_model() -> None:
    result = await take(case_turn("Warmer.", tone_of="D1"))

    assert (result.answer, result.drafts, result.calls) == (NO_TONE, (), ())


async def test_without_a_key_the_rules_take_turns() -> None:
    assert isinstance(choose_assistant(None, PRICES), RulesAssistant)


def test_without_a_key_the_service_s_sdk_is_never_loaded() -> None:
    script = (
        "import sys\nfrom decimal import Decimal\nfrom copilot.assistants import choose_assistant\n"
        "from copilot.model_usage import Prices\n"
        "made = choose_assistant('', Prices(*[Decimal(1)] * 4))\n"
        "print(type(made).__name__, 'anthropic' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "RulesAssistant False"
