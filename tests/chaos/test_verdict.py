"""What the oracle says of a run is heard, and its silence is no consent."""

import json

from support.verdicts import Verdict, read_verdict

REPORT = {"same": True, "compared": {"care.facts": 3}, "left_out": {}, "differences": []}
DIFFERENCE = {
    "topic": "care.facts", "key": "acme c1", "what": "missing", "expected": {"sign": 1},
    "found": None,
}  # fmt: skip


def test_a_report_without_differences_has_nothing_to_tell() -> None:
    verdict = read_verdict(0, json.dumps(REPORT).encode(), b"")

    assert verdict == Verdict({"care.facts": 3}, {}, ())


def test_differences_are_told_with_what_was_expected() -> None:
    said = REPORT | {"same": False, "differences": [DIFFERENCE]}

    verdict = read_verdict(1, json.dumps(said).encode(), b"")

    assert verdict.told == ("care.facts acme c1: missing, expected {'sign': 1}, found None",)


def test_no_judgement_is_a_difference_with_its_reason() -> None:
    cannot = read_verdict(2, b"", b"carewatch: cannot judge: no heartbeat\n")
    died = read_verdict(-9, b"", b"")
    unexplained = read_verdict(1, json.dumps(REPORT).encode(), b"")

    assert cannot.told == ("no judgement (status 2): carewatch: cannot judge: no heartbeat",)
    assert died.told == ("no judgement (status -9): ",)
    assert unexplained.told == ("it says that something differs, and not what",)
