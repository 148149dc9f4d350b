"""Rights follow the topic catalogue: whoever writes or reads there may, nobody else."""

from carewatch.wire.access import ROLES, rights
from carewatch.wire.topics import DEAD, EVENTS, METRICS, TEXT

RIGHTS = rights()


def who_may(operation: str, topic: str) -> set[str]:
    return {one.role for one in RIGHTS if (one.operation, one.name) == (operation, topic)}


def test_every_role_has_rights_and_every_right_a_role() -> None:
    assert {one.role for one in RIGHTS} == set(ROLES)


def test_the_log_of_events_is_written_by_few_and_read_by_the_worker() -> None:
    assert who_may("Write", EVENTS) == {"gateway", "worker", "rulebook"}
    assert who_may("Read", EVENTS) == {"worker", "oracle"}


def test_no_running_process_reads_dead_letters_or_words() -> None:
    assert who_may("Read", DEAD) == {"operator", "oracle"}
    assert who_may("Read", TEXT) == {"annotator", "oracle"}


def test_the_board_reads_points_and_the_rulebook_and_writes_nothing() -> None:
    mine = {(one.operation, one.name) for one in RIGHTS if one.role == "board"}

    assert mine == {("Read", METRICS), ("Read", "care.rulebooks")}


def test_the_oracle_and_consumers_write_nothing() -> None:
    writers = {one.role for one in RIGHTS if one.operation == "Write"}

    assert writers == {"gateway", "worker", "rulebook", "operator"}


def test_only_the_administrator_changes_topics() -> None:
    changing = {"Create", "Alter", "AlterConfigs"}

    assert {one.role for one in RIGHTS if one.operation in changing} == {"admin"}
