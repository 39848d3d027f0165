"""What a model answered, read as calls, and as it is sent back to it: without what was rejected, had it said that."""

from __future__ import annotations

import json
from typing import Any

from copilot.case_pseudonyms import CasePseudonyms
from copilot.model_client import Block, Reply
from copilot.rejected_content import LEFT_OUT, says_rejected, without_rejected
from policy.case_rules import Held


def text_block(text: str) -> dict[str, Any]:
    """Words, as the service takes them."""
    return {"type": "text", "text": text}


def tool_uses(reply: Reply) -> list[Block]:
    """The calls of tools that came whole."""
    return [block for block in reply.blocks.values() if block.kind == "tool_use" and block.is_whole]


def called(block: Block) -> tuple[str, str]:
    """The tool's name, and its input as it was sent."""
    return str(block.given.get("name", "")), block.input_json or json.dumps(block.given.get("input", {}))


def echo(reply: Reply, held: Held, pseudonyms: CasePseudonyms) -> list[dict[str, Any]]:
    """The answer's blocks. An input that is no object is sent back empty: the service takes nothing else."""
    sent = [_block(block, held, pseudonyms) for block in reply.blocks.values()]
    return [one for one in sent if one]


def _block(block: Block, held: Held, pseudonyms: CasePseudonyms) -> dict[str, Any] | None:
    is_rejected = says_rejected(pseudonyms.show(block.text), held)
    if block.kind == "tool_use":
        given = without_rejected(_object(called(block)[1]), held, pseudonyms.show)
        return {"type": "tool_use", "id": block.given.get("id"), "name": block.given.get("name"), "input": given}
    if block.kind == "text" and block.text.strip():
        return text_block(LEFT_OUT if is_rejected else block.text)
    if block.kind == "thinking" and not is_rejected:
        return {"type": "thinking", "thinking": block.text, "signature": block.signature}
    return dict(block.given) if block.kind == "redacted_thinking" else None


def _object(input_json: str) -> Any:
    try:
        value = json.loads(input_json)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}
