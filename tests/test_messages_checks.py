"""The local stand-in for the Messages API refuses what the real one refuses: else a test on it would prove nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from copilot.case_tools import tool_list
from policy.case_terms import Source
from tests.messages_checks import body_problem

MARK = {"type": "ephemeral"}


def body() -> dict[str, Any]:
    """A good request in the middle of a turn."""
    use = {"type": "tool_use", "id": "t1", "name": "ask_lead", "input": {"question": "Which?"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "asked", "cache_control": MARK}
    return {
        "model": "m",
        "max_tokens": 10,
        "stream": True,
        "system": [{"type": "text", "text": "Help.", "cache_control": MARK}],
        "tools": tool_list(list(Source)),
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Hm"}, use]},
            {"role": "user", "content": [result]},
        ],
    }


def test_a_good_request_is_accepted() -> None:
    assert body_problem(body()) is None


Change = Callable[[dict[str, Any]], object]
WRONG: list[tuple[str, Change]] = [
    ("Extra inputs", lambda b: b.update(top_k=1)),
    ("max_tokens", lambda b: b.update(max_tokens=0)),
    ("stream", lambda b: b.update(stream="yes")),
    ("roles must alternate", lambda b: b["messages"].insert(0, {"role": "assistant", "content": "x"})),
    ("roles must alternate", lambda b: b["messages"].append({"role": "user", "content": "x"})),
    ("each tool_use must have", lambda b: b["messages"][2].update(content=[{"type": "text", "text": "x"}])),
    ("each tool_use must have", lambda b: b["messages"][2]["content"].append(dict(b["messages"][2]["content"][0]))),
    ("each tool_use must have", lambda b: b["messages"][2]["content"][0].update(tool_use_id="t2")),
    ("come first", lambda b: b["messages"][2]["content"].insert(0, {"type": "text", "text": "x"})),
    ("last one must be", lambda b: b["messages"].pop()),
    ("ids must be unique", lambda b: b["messages"][1]["content"].append(dict(b["messages"][1]["content"][1]))),
    ("non-empty", lambda b: b["messages"][1]["content"][0].update(text=" ")),
    ("Extra inputs", lambda b: b["messages"][1]["content"][1].update(json="{}")),
    ("Field required", lambda b: b["messages"][1]["content"][1].pop("id")),
    ("should be an object", lambda b: b["messages"][1]["content"][1].update(input="{}")),
    ("not in a message", lambda b: b["messages"][0]["content"].append({**b["messages"][1]["content"][1]})),
    ("not expected", lambda b: b["messages"][0]["content"].append({"type": "audio"})),
    ("A maximum of 4", lambda b: [one.update(cache_control=MARK) for one in b["tools"]]),
    ("cache_control: not", lambda b: b["system"][0].update(cache_control={"type": "for ever"})),
    ("unique", lambda b: b["tools"].append(dict(b["tools"][0]))),
    ("tools: not understood", lambda b: b["tools"][0].update(run=True)),
    ("must be 'object'", lambda b: b["tools"][0].update(input_schema={"type": "array"})),
    ("additionalProperties", lambda b: b["tools"][0]["input_schema"].pop("additionalProperties")),
    ("bounds", lambda b: b["tools"][0]["input_schema"]["properties"]["words"].update(maxLength=5)),
    ("tool_choice", lambda b: b.update(tool_choice={"type": "must"})),
    ("system", lambda b: b.update(system=5)),
]


@pytest.mark.parametrize(("problem", "change"), WRONG, ids=[f"{n}-{one[0]}" for n, one in enumerate(WRONG)])
def test_what_the_service_refuses_is_refused(problem: str, change: Change) -> None:
    request = copy.deepcopy(body())

    change(request)

    assert problem in str(body_problem(request))
