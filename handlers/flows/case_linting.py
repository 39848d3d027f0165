"""The linter over a draft of a case, with what must not be said outside: every path sees the same."""

from __future__ import annotations

from copilot.case_pseudonyms import named_in
from copilot.lint_terms import Code, InternalNames, LintResult, Override
from copilot.linting import lint
from policy.case_story import CaseStory, Revision
from policy.terms import PersonKey


def lint_revision(story: CaseStory, revision: Revision) -> LintResult:
    """What is to be said against a revision as the case is now: what the rules mark, then what a model suggested for
    this very revision, with the overrides that were given for it."""
    draft = revision.draft
    given = [
        Override(Code(body.code), body.sentence, PersonKey.parse(entry.actor), body.reason)
        for entry, body in story.overrides
        if (body.draft_id, body.revision) == (draft.draft_id, draft.revision)
    ]
    looks = [look for _, look in story.suggestions]
    return lint(draft, story.held, internal_names(story), kept_back(story), given, looks)


def internal_names(story: CaseStory) -> InternalNames:
    """What names our own people and places in this case; the forms of such names are known without."""
    people = {key.user_id for key in (story.lead, story.opened_by, *story.members)}
    return InternalNames(people=frozenset(people), channels=frozenset({story.opened.channel}))


def kept_back(story: CaseStory) -> frozenset[str]:
    """The values of the case's evidence that are not to stand in a draft: whatever the model is not shown either."""
    return frozenset(value for _, value in named_in(story.held.evidence))
