"""A soak's verdict: what grows is found, and what only varies, or is explained, is not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.samples import TOLERATED, Growth, Sample, growths, restarted, used_by
from chaos.soak import counted


def samples(process: str, measure: str, values: list[int]) -> list[Sample]:
    return [Sample(10 * number, process, {measure: value}) for number, value in enumerate(values)]


def found(process: str, measure: str, values: list[int]) -> Growth:
    [growth] = growths(samples(process, measure, values))
    return growth


def test_the_second_quarter_is_compared_with_the_last_by_medians() -> None:
    growth = found("gateway", "files", [90, 90, 20, 22, 99, 22, 50, 22, 23, 99, 24, 24, 24])

    assert growth == Growth("gateway", "files", before=22, after=24)


@pytest.mark.parametrize("measure", TOLERATED)
def test_what_doubles_and_more_has_grown(measure: str) -> None:
    steady = [100_000] * 12
    grown = [100_000 + 20_000 * number for number in range(12)]

    assert found("gateway", measure, steady).tolerated
    assert not found("gateway", measure, grown).tolerated


def test_a_lag_that_only_rises_has_grown() -> None:
    assert not found("worker-1", "lag_records", [200 * number for number in range(12)]).tolerated


def test_a_leak_of_a_task_each_ten_seconds_is_found_within_minutes() -> None:
    assert not found("gateway", "tasks", [30 + number for number in range(30)]).tolerated


def test_memory_may_grow_as_the_entries_do_and_no_faster() -> None:
    def used(panes: int) -> Growth:
        [growth] = growths(
            [
                Sample(at, "worker-1", {"memory_kib": 160_000 + 1000 * at}, {"panes": panes})
                for at, panes in ((at, 10_000 + panes * at) for at in range(120))
            ]
        )
        return growth

    assert used(400).kept == {"panes": 400 * 60}
    assert used(400).tolerated
    assert not used(40).tolerated


def test_who_has_held_more_for_a_moment_keeps_the_room() -> None:
    held = [1000] * 40 + [50_000] + [1000] * 39
    looks = [
        Sample(at, "worker-1", {"memory_kib": 100_000 + 240_000 * (at > 40)}, {"panes": count})
        for at, count in enumerate(held)
    ]

    [growth] = growths(looks)
    [without] = growths([replace(one, kept={}) for one in looks])

    assert growth.kept == {"panes": 49_000}
    assert growth.tolerated
    assert not without.tolerated


def test_entries_that_went_excuse_nothing() -> None:
    looks = [Sample(at, "worker-1", {"memory_kib": 9}, {"panes": 9000 - at}) for at in range(80)]

    [growth] = growths(looks)

    assert (growth.kept, growth.explained_kib) == ({}, 0)


def test_a_page_tells_what_a_process_keeps() -> None:
    page = (
        'care_state_entries{topic="care.state.track",partition="0",kind="panes"} 5\n'
        'care_state_entries{topic="care.state.customer",partition="3",kind="panes"} 2\n'
        'care_partition_assigned_timestamp_seconds{topic="care.events",partition="0"} 17\n'
        'care_consumer_lag_records{topic="care.events",partition="0"} 40\n'
        "care_board_points 9\n"
    )

    assert counted(page) == ({"series": 5, "lag_records": 40}, {"panes": 7, "board_points": 9}, 1)


def test_a_process_that_was_there_only_once_is_not_judged() -> None:
    early = samples("worker-0", "files", [10] * 3)
    late = samples("board", "files", [10] * 12)

    assert [one.process for one in growths([*early, *late])] == ["board"]


def test_only_samples_with_as_many_partitions_are_compared() -> None:
    held = [4, 4, 4, 4, 8, 4, 4, 4, 4, 8, 8, 8]
    found = [
        Sample(10 * number, "worker-1", {"files": 5 * count}, held=count)
        for number, count in enumerate(held)
    ]

    [growth] = growths(found)

    assert (growth.before, growth.after) == (40, 40)


def test_who_ended_in_between_or_never_came_is_told() -> None:
    looks = [Sample(at, "gateway", {}, pid=7) for at in (0, 10)]
    others = [Sample(at, "worker-1", {}, pid=at + 1) for at in (0, 10)]

    assert restarted([*looks, *others], ("gateway", "board", "worker-1")) == ["board", "worker-1"]


def test_nothing_seen_is_nothing_grown() -> None:
    assert list(growths([])) == []


def test_a_process_is_seen_with_all_it_uses(tmp_path: Path) -> None:
    (tmp_path / f"{os.getpid()}.tasks").write_text("7", encoding="ascii")

    used = used_by(os.getpid(), tmp_path)

    assert used["tasks"] == 7
    assert used["memory_kib"] > 1000
    assert used["files"] >= 3
    assert used["threads"] >= 1


def test_a_process_that_has_ended_uses_nothing(tmp_path: Path) -> None:
    assert used_by(2**22 + 1, tmp_path) == {}
