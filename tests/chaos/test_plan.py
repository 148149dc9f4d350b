"""A plan of faults follows from its seed."""

from chaos.plan import plan

FAILPOINTS = ("a", "b", "c")


def test_the_same_seed_gives_the_same_plan() -> None:
    assert list(plan(7, 50, FAILPOINTS)) == list(plan(7, 50, FAILPOINTS))
    assert list(plan(7, 50, FAILPOINTS)) != list(plan(8, 50, FAILPOINTS))


def test_every_failpoint_comes_before_any_comes_again() -> None:
    named = [fault.failpoint for fault in plan(7, 400, FAILPOINTS) if fault.kind == "failpoint"]

    assert len(named) > 30
    rounds = [named[start : start + 3] for start in range(0, len(named) - 2, 3)]
    assert [sorted(one) for one in rounds] == [["a", "b", "c"]] * len(rounds)


def test_a_long_plan_holds_every_kind_of_fault() -> None:
    assert {fault.kind for fault in plan(1, 400, FAILPOINTS)} == {
        *("kill", "failpoint", "freeze", "restart", "join", "leave"),
        *("broker_kill", "broker_restart", "network"),
    }
