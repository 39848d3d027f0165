"""The seal of a handoff packet, checked with the public key alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from copilot.handoff_content import content
from copilot.handoff_page import page
from policy.digest import canonical_json
from policy.errors import NotCanonical
from policy.handoff_form import CONTENT, SEAL
from storage import handoffs, receipts
from storage.notary import Notary
from tests.copilot.packets import empty_packet, packet

NOTARY = Notary(b"\x07" * 32)
KEYS = {NOTARY.public_key}
MADE = packet("words of <others> – \u202e\ud800")
MARKDOWN = page(MADE)
SEALED = handoffs.issue(NOTARY, content(MADE), MARKDOWN)


def rewritten(**changed: Any) -> bytes:
    return canonical_json({**json.loads(SEALED), **changed})


def test_a_packet_verifies_with_the_public_key_alone() -> None:
    assert handoffs.check(SEALED, MARKDOWN.encode(), KEYS) == []
    assert handoffs.check(SEALED, None, KEYS) == []


def test_a_packet_says_its_form_and_its_version() -> None:
    assert json.loads(SEALED)["form"] == "countersign.handoff.v1"
    assert json.loads(SEALED).keys() == CONTENT | SEAL


def test_threat_not_one_byte_of_a_packet_can_be_changed() -> None:
    small = handoffs.issue(NOTARY, content(empty_packet()), "")
    assert handoffs.check(small, b"", KEYS) == []

    for at, byte in enumerate(small):
        for flipped in (byte ^ 1, byte ^ 0x20):
            assert handoffs.check(small[:at] + bytes([flipped]) + small[at + 1 :], None, KEYS), at


@pytest.mark.parametrize("change", [str.upper, lambda text: f" {text}", lambda text: f"{text[:2]} {text[2:]}"])
def test_the_signature_in_another_writing_is_refused(change: Callable[[str], str]) -> None:
    assert handoffs.check(rewritten(signature=change(json.loads(SEALED)["signature"])), None, KEYS)


@pytest.mark.parametrize("changed", [SEALED + b"\n", b" " + SEALED, SEALED[:-1], b"", b"[]", b"null", b"[" * 100_000])
def test_another_writing_of_a_packet_is_refused(changed: bytes) -> None:
    assert handoffs.check(changed, None, KEYS)


@pytest.mark.parametrize("name", sorted(CONTENT | SEAL))
def test_threat_a_packet_without_one_of_its_members_is_refused(name: str) -> None:
    less = {key: value for key, value in json.loads(SEALED).items() if key != name}

    assert handoffs.check(canonical_json(less), None, KEYS)


@pytest.mark.parametrize("name", sorted(CONTENT))
def test_a_packet_is_not_signed_without_one_of_its_members(name: str) -> None:
    with pytest.raises(NotCanonical, match=name):
        handoffs.issue(NOTARY, {key: value for key, value in content(MADE).items() if key != name}, MARKDOWN)


def test_a_member_too_many_is_refused_even_if_the_desk_signed_it() -> None:
    more = {**json.loads(SEALED), "note": "and more"}
    del more["signature"]

    assert handoffs.check(canonical_json({**more, "signature": NOTARY.sign("handoff", more)}), None, KEYS)
    assert handoffs.check(rewritten(note="and more"), None, KEYS)


@pytest.mark.parametrize("name", ["form", "statement"])
def test_another_form_is_refused_even_if_the_desk_signed_it(name: str) -> None:
    other = {**json.loads(SEALED), name: "countersign.handoff.v2"}
    del other["signature"]

    assert handoffs.check(canonical_json({**other, "signature": NOTARY.sign("handoff", other)}), None, KEYS)


def test_threat_another_key_is_refused() -> None:
    other = Notary(b"\x08" * 32)
    forged = handoffs.issue(other, content(MADE), MARKDOWN)

    assert handoffs.check(SEALED, None, {other.public_key}) == ["it was not signed with the given key"]
    assert handoffs.check(forged, None, KEYS) == ["it was not signed with the given key"]
    assert handoffs.check(rewritten(signature=json.loads(forged)["signature"]), None, KEYS)
    assert handoffs.check(SEALED, None, ()) == ["it was not signed with the given key"]


def test_a_signature_of_another_kind_is_none_of_a_packet() -> None:
    unsigned = {name: value for name, value in json.loads(SEALED).items() if name != "signature"}

    assert handoffs.check(rewritten(signature=NOTARY.sign(receipts.KIND, unsigned)), None, KEYS)


def test_threat_another_markdown_is_refused() -> None:
    assert handoffs.check(SEALED, (MARKDOWN + " ").encode(), KEYS) == ["the Markdown is not the one that was signed"]
    assert handoffs.check(SEALED, b"", KEYS) == ["the Markdown is not the one that was signed"]


def test_the_command_checks_the_files_of_a_packet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    json_file, markdown_file = tmp_path / "handoff.json", tmp_path / "handoff.md"
    json_file.write_bytes(SEALED)
    markdown_file.write_bytes(MARKDOWN.encode())
    check = ["audit", "check-handoff", str(json_file), "--key", NOTARY.public_key]

    assert main(check) == 0
    assert "the Markdown was not checked" in capsys.readouterr().out
    assert main([*check, "--markdown", str(markdown_file)]) == 0
    assert 'case "CASE-1" to "security"' in capsys.readouterr().out
    markdown_file.write_bytes(MARKDOWN.encode() + b" ")
    assert main([*check, "--markdown", str(markdown_file)]) == 1
    assert "BROKEN: the Markdown" in capsys.readouterr().err
    assert main([*check, "--markdown", str(tmp_path / "none.md")]) == 1
    assert main(["audit", "check-handoff", str(json_file), "--key", "no key"]) == 2
    json_file.write_bytes(SEALED.replace(b"words", b"swords", 1))
    assert main(check) == 1
