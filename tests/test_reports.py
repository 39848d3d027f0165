"""What a failing test quotes reaches the report, whatever characters it is made of."""

from __future__ import annotations

from execnet.gateway_base import dumps

from tests.conftest import encodable


def test_a_report_that_quotes_half_a_surrogate_pair_can_be_sent_between_processes() -> None:
    report = {"longrepr": ("a\ud800b", ["\udfff", 1, None, True]), "kept": "ä🦊", "duration": 0.5}

    sent = encodable(report)

    dumps(sent)
    assert sent == {"longrepr": ("a\\ud800b", ["\\udfff", 1, None, True]), "kept": "ä🦊", "duration": 0.5}
