"""The README is run as it stands there, by somebody who has never seen it; so is the runbook's page
on telling history anew."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from carewatch.cli import main
from carewatch.local import demo_config
from carewatch.local.ports import HOST, free_port
from support.demos import OPTIONS, demo, until
from support.documents import ROOT, block, blocks
from support.prometheus import tool
from support.readme import (
    README,
    Terminal,
    lines_of,
    processes_of_the_readme,
    shell,
    until_it_prints,
)

RUNBOOK = ROOT / "deploy" / "RUNBOOK.md"
CONFIG = ROOT / "deploy" / "config"

HERE = "scenarios/test_readme.py"
CLAIMED = {
    "start": f"{HERE}::test_make_runs_the_demo_and_every_test",
    "hello": f"{HERE}::test_a_customer_by_hand_moves_a_number",
    "hello says": f"{HERE}::test_a_customer_by_hand_moves_a_number",
    "terminal": f"{HERE}::test_a_signed_webhook_makes_somebody_wait",
    "processes": f"{HERE}::test_a_signed_webhook_makes_somebody_wait",
    "webhook": f"{HERE}::test_a_signed_webhook_makes_somebody_wait",
    "waiting": f"{HERE}::test_a_signed_webhook_makes_somebody_wait",
    "account": f"{HERE}::test_the_account_is_one_of_the_example",
    "hooks": f"{HERE}::test_what_a_payload_means_is_printed",
    "policy": f"{HERE}::test_the_policy_is_one_that_takes_effect",
    "rulebook": f"{HERE}::test_the_rulebook_is_checked_published_and_shown",
    "examples": "scenarios/test_examples.py::test_the_readme_names_every_example_and_each_is_short",
    "prometheus": f"{HERE}::test_prometheus_takes_rules_and_configuration",
}
"""Which test runs each named block of the README."""


def test_every_block_of_the_readme_is_claimed_by_a_test_that_exists() -> None:
    """The picture alone has neither a name nor a language."""
    found = [one for one in blocks(README) if one.name is not None or one.language]

    assert [one.name for one in found] == list(CLAIMED)
    assert len(blocks(README)) == len(found) + 1
    for test in CLAIMED.values():
        file, name = test.split("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


# --- without a broker --------------------------------------------------------------------------


def test_make_runs_the_demo_and_every_test() -> None:
    """What they do is tested elsewhere: the demo in local/test_demo_run.py, `make test` by CI."""
    targets = [line.split()[1] for line in lines_of(block(README, "start"))]
    planned = subprocess.run(
        ["make", "-n", "-o", "setup", targets[0]],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert targets == ["demo", "test"]
    assert planned.stdout.split() == [".venv/bin/carewatch", "demo"]
    assert "exec make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_what_a_payload_means_is_printed() -> None:
    """The virtual environment is this one, whatever it is called."""
    environ = {"PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin", "PYTHONPATH": str(SERVICE)}

    said = shell(block(README, "hooks"), ROOT, environ)

    assert said.startswith("1  care.message.created  ")


SERVICE = ROOT / "service"


def test_the_account_is_one_of_the_example() -> None:
    yaml = YAML(typ="safe")
    (account,) = yaml.load(block(README, "account"))["accounts"]

    assert account in yaml.load((CONFIG / "carewatch.yaml").read_text("utf-8"))["accounts"]


def test_the_policy_is_one_that_takes_effect(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    (folder / "policies" / "vip.yaml").write_text(block(README, "policy"), encoding="utf-8")

    checked = CliRunner().invoke(main, ["check", "--without-secrets", "--config", str(folder)])

    assert checked.exit_code == 0, checked.output
    assert re.search(r"^ +5  vip v1 ", checked.output, re.MULTILINE)


def test_prometheus_takes_rules_and_configuration(tmp_path: Path) -> None:
    """The first line takes a minute: deploy/test_alerts.py runs it file by file."""
    test_rules, serve = lines_of(block(README, "prometheus"))
    assert test_rules == "promtool test rules deploy/prometheus/tests/*.yml"

    port = free_port()
    flags = f" --storage.tsdb.path={tmp_path} --web.listen-address={HOST}:{port}"
    tool("prometheus")
    with (tmp_path / "log").open("wb") as log:
        serving = subprocess.Popen(
            ["bash", "-euc", f"exec {serve}{flags}"], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        until_it_prints(
            f"curl -s http://{HOST}:{port}/-/ready", "Prometheus Server is Ready.\n", ROOT,
            {"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    finally:
        serving.kill()
        serving.wait()


# --- the demo ----------------------------------------------------------------------------------


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_customer_by_hand_moves_a_number(tmp_path: Path) -> None:
    write, look = block(README, "hello").strip().split("\n\n")
    with demo(tmp_path, "--rate", "1") as (running, ports):
        said = until("data ", running)
        port = dict(zip(OPTIONS, ports, strict=True))
        terminal = Terminal(
            tmp_path, {"PATH": "/usr/bin:/bin"}, port["--gateway-port"], port["--board-port"]
        )
        write = terminal.here(write)
        waits = block(README, "hello says")
        breaches = look.replace("waiting_conversations", "sla_breaches_total")
        breached = (
            'care_sla_breaches_total{channel="web",policy="demo",queue="none",'
            'target="first_reply",tenant="you"} 1.0\n'
        )
        assert write in said

        shell(write, tmp_path, terminal.environ)
        terminal.until_it_prints(look, waits)
        terminal.until_it_prints(f"{breaches} | grep first_reply", breached)
        shell(write, tmp_path, terminal.environ)
        answer = write
        for before, after in re.findall(r"`([\w-]+)` for\s`([\w-]+)`", README.read_text("utf-8")):
            answer = answer.replace(after, before)
        assert answer.count("hello-2") == 2
        shell(answer, tmp_path, terminal.environ)

        terminal.until_it_prints(look, waits.replace("1.0", "0.0"))
        received = look.replace("waiting_conversations", "messages_total")
        terminal.until_it_prints(f"{received} | grep inbound | grep -c ' 1.0$'", "1\n")


def test_what_the_demo_prints_to_try_by_hand_is_what_the_readme_says() -> None:
    write, _ = block(README, "hello").strip().split("\n\n")

    assert write == demo_config.customer_writes(f"http://{HOST}:8080")


# --- the processes, each in a terminal of its own ------------------------------------------------


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with processes_of_the_readme(tmp_path_factory.mktemp("readme")) as opened:
        yield opened


def duplicates(terminal: Terminal) -> int:
    """How many events came twice, as the board says it."""
    address = f"http://{HOST}:{terminal.board}/api/v1/board"
    with urllib.request.urlopen(address, timeout=10) as answer:
        series = json.load(answer)["series"]
    return sum(
        one["total"]["value"] for one in series
        if one["metric"] == "duplicate_events" and one.get("total")
    )  # fmt: skip


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_signed_webhook_makes_somebody_wait(terminal: Terminal) -> None:
    """And the same request once more changes nothing, as the README says."""
    signing, _, post = block(README, "webhook").partition("\ncurl")

    said = terminal.run(f"{signing}\ncurl{post}\ncurl{post}")

    assert said.count("HTTP/1.1 200 OK") == 2
    expected = 'care_waiting_conversations{channel="web",queue="none",tenant="acme"} 1.0\n'
    terminal.until_it_prints(block(README, "waiting"), expected)
    deadline = time.monotonic() + 60
    while duplicates(terminal) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    terminal.until_it_prints(block(README, "waiting"), expected)


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_rulebook_is_checked_published_and_shown(terminal: Terminal) -> None:
    said = terminal.run(block(README, "rulebook"))

    assert "# rulebook sha256:" in said
    assert "nothing to publish, this is the newest already: rulebook 1 sha256:" in said
    assert re.search(r"^ +10  live-chat v1 ", said, re.MULTILINE)


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_history_is_told_anew_and_the_other_program_agrees(terminal: Terminal) -> None:
    for name in ("kcat", "jq"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed (Debian: apt-get install kcat jq)")
    judge = "carewatch verify --config deploy/config --events events.jsonl --results results.jsonl"
    assert judge in " ".join(RUNBOOK.read_text("utf-8").split())

    terminal.run(block(README, "webhook"))

    terminal.run(block(RUNBOOK, "what if"))

    lines = (terminal.folder / "results.jsonl").read_text("utf-8").splitlines()
    assert "care.metrics" in {json.loads(line)["topic"] for line in lines}
    assert terminal.run(judge).endswith("the same\n")
