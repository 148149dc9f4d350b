"""A plan of faults follows from its seed."""

from chaos.plan import plan
from chaos.proxy import SPOILS

FAILPOINTS = ("a", "b", "c")


def test_the_same_seed_gives_the_same_plan() -> None:
    assert list(plan(7, 50, FAILPOINTS)) == list(plan(7, 50, FAILPOINTS))
    assert list(plan(7, 50, FAILPOINTS)) != list(plan(8, 50, FAILPOINTS))


def test_every_failpoint_comes_before_any_comes_again() -> None:
    named = [fault.failpoint for fault in plan(7, 400, FAILPOINTS) if fault.kind == "failpoint"]

    assert len(named) > 30
    rounds = [named[start : start + 3] for start in range(0, len(named) - 2, 3)]
    assert [sorted(one) for one in rounds] == [["a", "b", "c"]] * len(rounds)


WORKERS_AND_NETWORK = {
    *("kill", "failpoint", "freeze", "restart", "rolling", "join", "leave", "network"),
    *("broker_kill", "broker_restart"),
}


def test_a_long_plan_holds_every_kind_of_fault() -> None:
    assert {fault.kind for fault in plan(1, 400, FAILPOINTS)} == WORKERS_AND_NETWORK


def test_three_brokers_are_frozen_and_parted_too_each_of_them() -> None:
    faults = list(plan(1, 400, FAILPOINTS, brokers=3))

    assert {fault.kind for fault in faults} == WORKERS_AND_NETWORK | {"broker_freeze", "isolate"}
    assert {fault.broker for fault in faults if fault.kind == "broker_kill"} == {0, 1, 2}


def test_every_request_that_matters_is_spoiled_alone_in_every_way() -> None:
    network = [fault for fault in plan(1, 4000, FAILPOINTS) if fault.kind == "network"]

    assert {fault.spoil for fault in network if fault.api == "Produce"} == set(SPOILS)
    assert {fault.api for fault in network} >= {"EndTxn", "OffsetCommit", "Heartbeat", ""}
