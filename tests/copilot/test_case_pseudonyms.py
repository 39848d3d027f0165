"""The pseudonyms of one case: stable, one for a value, and put back though they come in pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from copilot.case_pseudonyms import CasePseudonyms, Raw, Restorer, kind_of_field, sha256_of
from tests.copilot.test_minimising import texts
from tests.policy.case_builders import evidence


@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, max_size=3))
def test_a_value_has_the_same_pseudonym_whatever_was_hidden_before(later: list[str], earlier: list[str]) -> None:
    fresh, used = CasePseudonyms("k"), CasePseudonyms("k")
    for text in earlier:
        used.hide(text)
    for pseudonyms in (fresh, used):
        pseudonyms.hide(*later)

    marks = {one.value: one.pseudonym for one in fresh.kept_back}
    again = {one.value: one.pseudonym for one in used.kept_back}
    # The kind may hang on the words around a value; its number never does.
    shared = [(marks[value], again[value]) for value in marks.keys() & again.keys()]
    assert all(one.split("_")[0] != other.split("_")[0] or one == other for one, other in shared)


@given(st.lists(texts, min_size=1, max_size=3), st.integers(1, 9))
def test_words_in_pieces_are_put_back_as_whole_words_are(messages: list[str], size: int) -> None:
    pseudonyms = CasePseudonyms("k")
    hidden = "".join(pseudonyms.hide(*messages))
    restorer = Restorer(pseudonyms)

    shown = "".join(restorer.feed(hidden[start : start + size]) for start in range(0, len(hidden), size))

    assert shown + restorer.rest() == pseudonyms.show(hidden)


def test_a_field_says_by_its_name_what_it_holds() -> None:
    kinds = {name: kind_of_field(name) for name in ("attachment_id", "attachment_name", "accounts.email", "key", "at")}

    assert kinds == {"attachment_id": "", "attachment_name": "FILE", "accounts.email": "EMAIL", "key": "KEY", "at": ""}


def test_words_that_name_nobody_stay() -> None:
    pseudonyms = CasePseudonyms("k")

    assert pseudonyms.hide_all(
        [Raw("system", field="principal"), Raw("active", field="status"), Raw("", field="name")]
    ) == [
        "principal: system",
        "status: active",
        "name: ",
    ]


def test_what_is_kept_back_can_be_revealed_by_its_hash() -> None:
    one = evidence(facts={"attachment_name": "ledger", "password": "hunter2!x"}, query={})
    pseudonyms = CasePseudonyms("k")
    pseudonyms.learn([one])
    (kept,) = pseudonyms.kept_back

    assert (kept.kind, kept.value, kept.sha256) == ("FILE", "ledger", sha256_of("ledger"))
    after = CasePseudonyms("k", {kept.sha256})
    after.learn([one])
    assert after.hide("the ledger is here") == ("the ledger is here",)
    assert after.kept_back == ()
