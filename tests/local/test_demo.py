"""The parts of the demo that need no Kafka."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from carewatch.cli import main
from carewatch.domain.durations import parse_duration
from carewatch.domain.errors import ConfigError
from carewatch.local import demo_config
from carewatch.local.comparison import Amount, Key, Line, report
from carewatch.local.options import (
    USUAL_PORTS,
    choose_port,
    demo_environ,
    refuse_used_folder,
)
from carewatch.local.ports import HOST, free_port, is_free
from carewatch.rulebooks.folder import read_rulebook
from carewatch.settings import Secret, load_settings
from carewatch.simulate.doors import SAMPLE_DOORS, doors_of


def test_the_configuration_is_valid_and_can_be_simulated() -> None:
    settings = load_settings(demo_config.FOLDER, demo_config.random_secrets())

    doors = doors_of(settings)
    assert [(door.adapter, door.account, door.provider_account) for door in doors] == [
        (door.adapter, door.account, door.provider_account) for door in SAMPLE_DOORS
    ]


def test_the_account_to_try_by_hand_listens_on_the_loopback_and_is_a_tenant_of_its_own() -> None:
    """Its token is public, and what somebody tries must not spoil the comparison at the end."""
    settings = load_settings(None, demo_environ({}, USUAL_PORTS, Path("/demo")))

    opened = [one for one in settings.accounts if not one.secrets]
    assert [(one.tenant, one.channel, one.account) for one in opened] == [("you", "generic", "you")]
    assert [one.account for one in settings.accounts if one.tenant == "you"] == ["you"]
    assert opened[0].verify_token == Secret(demo_config.YOUR_TOKEN)
    assert settings.gateway.host == "127.0.0.1"


def test_the_simulator_is_told_what_the_policy_promises() -> None:
    (policy,) = read_rulebook(demo_config.FOLDER).policies

    promised = {target: rule.all for target, rule in policy.targets.items()}
    assert policy.policy == demo_config.POLICY
    assert promised == {
        "first_reply": demo_config.FIRST_REPLY,
        "next_reply": demo_config.NEXT_REPLY,
    }
    assert parse_duration(demo_config.FIRST_REPLY) <= 10_000


def test_secrets_are_new_for_every_run_but_for_the_public_one() -> None:
    first, second = demo_config.random_secrets(), demo_config.random_secrets()

    assert first.keys() == second.keys()
    assert set(first.values()) & set(second.values()) == {demo_config.YOUR_TOKEN}


def test_settings_of_another_carewatch_do_not_leak_in() -> None:
    environ = demo_environ(
        {
            "PATH": "/bin",
            "CAREWATCH_CACHE": "/cache",
            "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": "production:9092",
            "CAREWATCH_WORKER_SLOT": "7",
            "CAREWATCH_CONFIG": "/etc/carewatch",
        },
        USUAL_PORTS,
        Path("/demo"),
    )

    assert environ["PATH"] == "/bin"
    assert environ["CAREWATCH_CACHE"] == "/cache"
    assert environ["CAREWATCH_CONFIG"] == str(demo_config.FOLDER)
    assert environ["CAREWATCH_KAFKA_BOOTSTRAP_SERVERS"] == f"{HOST}:{USUAL_PORTS.kafka}"
    assert "CAREWATCH_WORKER_SLOT" not in environ


def test_the_children_see_the_demos_ports() -> None:
    environ = demo_environ({}, USUAL_PORTS, Path("/demo"))

    settings = load_settings(None, environ)

    assert settings.gateway.port == USUAL_PORTS.gateway
    assert settings.gateway.spool_dir == "/demo/spool"
    assert settings.gateway.metrics_port == USUAL_PORTS.gateway_metrics
    assert settings.worker.metrics_port == USUAL_PORTS.worker_metrics
    assert settings.board.port == USUAL_PORTS.board


def test_a_usual_port_that_is_taken_is_replaced_and_said() -> None:
    said: list[str] = []
    with socket.create_server((HOST, 0)) as taken:
        usual = taken.getsockname()[1]

        port = choose_port("--board-port", None, usual, said.append)

    assert port != usual
    assert is_free(port)
    assert said == [f"port {usual} is taken: using {port} instead (--board-port chooses another)"]


def test_a_port_that_was_asked_for_and_is_taken_is_refused() -> None:
    with (
        socket.create_server((HOST, 0)) as taken,
        pytest.raises(ConfigError, match=r"--board-port: port \d+ of 127.0.0.1 is taken"),
    ):
        choose_port("--board-port", taken.getsockname()[1], 1, print)


def test_a_comparison_is_refused_where_an_earlier_run_left_totals(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()

    refused = CliRunner().invoke(main, ["demo", "--for", "5", "--data", str(tmp_path)])

    assert refused.exit_code == 2
    assert "--for compares totals since the beginning" in refused.output


def test_a_new_folder_is_fit_for_a_comparison(tmp_path: Path) -> None:
    refuse_used_folder(tmp_path)
    refuse_used_folder(tmp_path / "missing")


def test_a_port_that_is_free_is_taken_as_asked() -> None:
    port = free_port()

    assert choose_port("--board-port", port, 1, print) == port


def test_the_report_names_what_differs() -> None:
    good = Key("acme", "web", "messages", (("author", "bot"), ("direction", "outbound")))
    bad = Key("acme", "whatsapp", "reply_time", ())

    said = report(
        [
            Line(good, Amount(3), Amount(3), most=3),
            Line(bad, Amount(2, 4000), Amount(2, 5000), most=2),
        ]
    )

    assert said == [
        "channel   metric                    expected    published",
        "web       messages bot outbound            3            3  ok",
        "whatsapp  reply_time             2 (4000 ms)  2 (5000 ms)  DIFFERENT",
        "",
        "1 of 2 published totals are not what they must be",
    ]
