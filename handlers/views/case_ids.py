"""The names by which Slack says what was pressed or sent on a case, and the one form of the ids that go with them.

What comes back is for finding things again and nothing more: every flow looks the case up and judges anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass

# Buttons.
OPEN_CASE = "case.open"
"""On a ticket's card and page; the value is the ticket's id."""
SEE_CASE = "case.see"
SEE_STATEMENTS = "case.statements"
SEE_EVIDENCE = "case.evidence"
SEE_STATEMENT = "case.statement"
SEE_DRAFT = "case.draft"
LIST_CASES = "case.list"
LOOK_FOR_EVIDENCE = "case.gather"
ASK_COPILOT = "case.ask"
STOP_TURN = "case.stop_turn"
WRITE_DRAFT = "case.write_draft"
FRAME_CASE = "case.frame"
STAFF_CASE = "case.staff"
HAND_OFF = "case.hand_off"
CLOSE_CASE = "case.close"
REVEAL_VALUE = "case.reveal"
RELEASE_LATCH = "case.release_latch"
ADD_STATEMENT = "case.add_statement"
ACCEPT_STATEMENT = "case.accept"
EDIT_STATEMENT = "case.edit_statement"
REJECT_STATEMENT = "case.reject"
REASSIGN_STATEMENT = "case.reassign"
RESOLVE_STATEMENT = "case.resolve"
REOPEN_STATEMENT = "case.reopen"
EDIT_DRAFT = "case.edit_draft"
OVERRIDE_MARK = "case.override"
ASK_RELEASE = "case.ask_release"
PAGE_CASES = "case.list_page"
PAGE_STATEMENTS = "case.statements_page"
PAGE_EVIDENCE = "case.evidence_page"
PAGE_DRAFT = "case.draft_page"
PAGE_VALUES = "case.reveal_page"
NEXT_OF = {
    PAGE_CASES: "case.list_page.next",
    PAGE_STATEMENTS: "case.statements_page.next",
    PAGE_EVIDENCE: "case.evidence_page.next",
    PAGE_DRAFT: "case.draft_page.next",
    PAGE_VALUES: "case.reveal_page.next",
}
"""The action id of the second of two buttons that turn a page: ids are unique within a block."""

# Modals that are sent.
OPEN_CASE_VIEW = "open_case"
FRAME_CASE_VIEW = "frame_case"
STAFF_CASE_VIEW = "staff_case"
CLOSE_CASE_VIEW = "close_case"
HAND_OFF_VIEW = "hand_off_case"
STATEMENT_VIEW = "case_statement"
REJECT_VIEW = "reject_statement"
RESOLVE_VIEW = "resolve_statement"
REASSIGN_VIEW = "reassign_statement"
REOPEN_VIEW = "reopen_statement"
EVIDENCE_VIEW = "gather_evidence"
WRITE_DRAFT_VIEW = "write_draft"
EDIT_DRAFT_VIEW = "edit_draft"
OVERRIDE_VIEW = "override_mark"
ASK_RELEASE_VIEW = "ask_release"
RELEASE_LATCH_VIEW = "release_latch"
REVEAL_VIEW = "reveal_value"
ASK_COPILOT_VIEW = "ask_copilot"


@dataclass(frozen=True)
class Ref:
    """What a button or a modal is about, as it travels through Slack: untrusted when it comes back."""

    case_id: str
    item: str = ""
    """A statement's or a draft's id."""
    revision: int = 0
    """The one that was shown."""
    at: int = 0
    """Of a list: from which place on it is shown."""
    seen: str = ""
    """A digest over what was shown, where that is more than a revision."""

    def __str__(self) -> str:
        return json.dumps([self.case_id, self.item, self.revision, self.at, self.seen], separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Read what `str` wrote. Raises ValueError for anything else."""
        try:
            found = json.loads(text)
        except RecursionError as error:
            raise ValueError("not a reference") from error
        match found:
            case [str(case_id), str(item), int(revision), int(at), str(seen)] if revision >= 0 and at >= 0:
                return cls(case_id, item, int(revision), int(at), seen)
        raise ValueError("not a reference")


def seen_digest(marks: Collection[str]) -> str:
    """One name for the marks of a latch as they were shown: `policy.latching.Latch.marks`."""
    return hashlib.sha256("\n".join(sorted(marks)).encode()).hexdigest()


def marks_digest(marks: Collection[tuple[str, int, int, int, str]]) -> str:
    """One name for the marks of a draft as they were shown: of each the code, sentence, span and model."""
    return seen_digest([json.dumps(one) for one in marks])
