"""The linter over a draft of a case, with what must not be said outside: every path sees the same."""

from __future__ import annotations

from copilot.case_pseudonyms import named_in
from copilot.lint_terms import Code, InternalNames, LintResult, Override
from copilot.linting import lint
from policy import case_entries as e
from policy.case_entries import Entry
from policy.case_foundations import open_conflicts
from policy.case_moves import StatementEvent
from policy.case_story import CaseStory, Revision
from policy.case_terms import Draft
from policy.terms import PersonKey


def lint_revision(story: CaseStory, revision: Revision) -> LintResult:
    """What is to be said against a revision as the case is now: what the rules mark, then what a model suggested for
    this very revision, with the overrides that were given for it."""
    this = (revision.draft.draft_id, revision.draft.revision)
    looks = [(entry.seq, look) for entry, look in story.suggestions if (look.draft_id, look.revision) == this]
    given = [
        Override(
            Code(body.code),
            body.sentence,
            PersonKey.parse(entry.actor),
            body.reason,
            is_before_look=any(seq > entry.seq for seq, _ in looks),
        )
        for entry, body in story.overrides
        if (body.draft_id, body.revision) == this and not _changed_since(story, revision.draft, entry, body)
    ]
    return lint(revision.draft, story.held, internal_names(story), kept_back(story), given, [look for _, look in looks])


def _changed_since(story: CaseStory, draft: Draft, entry: Entry, body: e.Overridden) -> bool:
    """Whether what an override was given over is otherwise now: what its sentence cites, or a conflict of the case."""
    cited = {cite.partition("@")[0] for one in draft.sentences if one.text == body.sentence for cite in one.cites}
    is_about_conflicts = body.code == Code.OPEN_CONFLICT
    return any(
        (step.statement.statement_id in cited and step.event is not StatementEvent.ACCEPTED)
        or (is_about_conflicts and step.statement in open_conflicts(story.held.statements))
        for later in story.entries[entry.seq :]
        if isinstance(step := later.body, e.StatementStep)
    )


def internal_names(story: CaseStory) -> InternalNames:
    """What names our own people and places in this case; the forms of such names are known without."""
    people = {key.user_id for key in (story.lead, story.opened_by, *story.members)}
    return InternalNames(people=frozenset(people), channels=frozenset({story.opened.channel}))


def kept_back(story: CaseStory) -> frozenset[str]:
    """The values of the case's evidence that are not to stand in a draft: whatever the model is not shown either."""
    return frozenset(value for _, value in named_in(story.held.evidence))
