"""Rules, runbooks and routes: what promtool and amtool say, and what they do not look at."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from carewatch.channels.outcomes import RequestOutcome
from carewatch.cli import COMMANDS
from carewatch.domain.board import Snapshot
from carewatch.domain.known import CHANNELS
from carewatch.engine.metrics import STATES, ProcessMetrics
from carewatch.engine.observer import STOPS
from carewatch.exporter.showing import Showing
from carewatch.exporter.shown import Buckets, View
from carewatch.gateway.metrics import GatewayMetrics, SpoolMetrics
from support.prometheus import DEPLOY, RULES, tool

RUNBOOKS = DEPLOY / "runbooks"
UNIT_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
SCRAPE_S = 15
SECONDS = {"s": 1, "m": 60, "h": 3600}


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted(RULES.glob("*.yml")):
        for group in read(path)["groups"]:
            yield from group["rules"]


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDS = [rule for rule in rules() if "record" in rule]
RULE_IDS = [rule.get("alert", rule.get("record")) for rule in (*ALERTS, *RECORDS)]


def names_in(expr: str) -> set[str]:
    """The series an expression reads; its functions, labels and strings are left out."""
    text = re.sub(r'"[^"]*"', "", expr)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    words = re.findall(r"([a-z_:][a-z0-9_:]*)\b(\s*\()?", text)
    keywords = {"and", "or", "unless", "bool", "offset"}
    return {word for word, called in words if not called} - keywords


def by_job() -> dict[str, set[str]]:
    """Every sample name that a process exposes, from the code of the processes."""
    worker, gateway = CollectorRegistry(), CollectorRegistry()
    ProcessMetrics(worker, lambda: 0)
    GatewayMetrics(gateway, ("web",))
    spool = {one.name for family in SpoolMetrics(None, lambda: 0).collect()
             for one in family.samples}  # fmt: skip
    board = set()
    for family in Showing().families(View(snapshot=Snapshot(data_at=1))):
        parts = ("_bucket", "_count", "_sum") if isinstance(family, Buckets) else ("",)
        board |= {family.name + part for part in parts}
    return {
        "care-board": board,
        "care-worker": set(worker._names_to_collectors),
        "care-gateway": set(gateway._names_to_collectors) | spool,
    }


EXPOSED = by_job()


def sources(expr: str) -> set[str]:
    """The exposed names behind an expression, through the rules that record what it reads."""
    found: set[str] = set()
    for name in names_in(expr):
        recorded = [rule["expr"] for rule in RECORDS if rule["record"] == name]
        for one in recorded:
            found |= sources(str(one))
        if not recorded:
            found.add(name)
    return found


def jobs_of(expr: str) -> set[str]:
    return {job for job, names in EXPOSED.items() if sources(expr) & names}


def seconds(text: str) -> int:
    return sum(int(n) * SECONDS[unit] for n, unit in re.findall(r"(\d+)([smh])", text))


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=200
    )
    return done.returncode, done.stdout + done.stderr


def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    status, said = run(tool("promtool"), "check", "rules", "--lint=all", *RULES.glob("*.yml"))
    assert (status, "FAILED" in said) == (0, False), said

    config = DEPLOY / "prometheus" / "prometheus.yml"
    status, said = run(tool("promtool"), "check", "config", config)
    assert status == 0, said


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_must_and_are_silent_when_they_must_be(path: Path) -> None:
    status, said = run(tool("promtool"), "test", "rules", path)
    assert status == 0, said


def test_every_alert_is_seen_firing_and_seen_silent() -> None:
    seen: dict[bool, set[str]] = {True: set(), False: {"Watchdog"}}
    for path in UNIT_TESTS:
        for test in read(path)["tests"]:
            for case in test.get("alert_rule_test", ()):
                seen[bool(case.get("exp_alerts"))].add(case["alertname"])

    names = {rule["alert"] for rule in ALERTS}
    assert seen == {True: names, False: names}


def test_amtool_accepts_the_routes_and_they_lead_where_they_should() -> None:
    config = DEPLOY / "alertmanager" / "alertmanager.yml"
    status, said = run(tool("amtool"), "check-config", config)
    assert status == 0, said

    for labels, receiver in (
        ("alertname=CareSlaFastBurn severity=page channel=web", "pager"),
        ("alertname=CareQueueStuck severity=page channel=web", "pager"),
        ("alertname=CareQueueStuck severity=page channel=voice", "pager"),
        ("alertname=CareSlaSlowBurn severity=ticket channel=web", "tickets"),
        ("alertname=Watchdog severity=none", "dead-mans-switch"),
    ):
        test = (tool("amtool"), "config", "routes", "test", f"--config.file={config}")
        status, said = run(*test, *labels.split())
        assert (status, receiver in said.splitlines()) == (0, True), said


def test_a_stalled_pipeline_mutes_what_follows_from_it_and_never_itself() -> None:
    inhibit, *_ = read(DEPLOY / "alertmanager" / "alertmanager.yml")["inhibit_rules"]
    source, target = (
        re.compile(inhibit[side][0].split('"')[1])
        for side in ("source_matchers", "target_matchers")
    )
    names = {rule["alert"] for rule in ALERTS}
    causes = {name for name in names if source.fullmatch(name)}
    muted = {name for name in names if target.fullmatch(name)}

    assert causes == {"CareMetricsAbsent", "CarePipelineStalled"}
    assert muted & causes == set()
    assert {name for name in names if name.startswith("CareSla")} < muted
    # `equal: [job]` mutes nothing that is of another job.
    assert inhibit["equal"] == ["job"]
    assert {job for rule in ALERTS if rule["alert"] in causes | muted
            for job in jobs_of(str(rule["expr"]))} == {"care-board"}  # fmt: skip


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDS], ids=RULE_IDS)
def test_every_series_that_a_rule_reads_is_exposed(rule: dict[str, Any]) -> None:
    exposed = set().union(*EXPOSED.values())

    assert sources(str(rule["expr"])) - exposed == set()


def test_label_values_that_rules_name_exist() -> None:
    text = "\n".join(str(rule["expr"]) for rule in (*ALERTS, *RECORDS))
    known = {
        "outcome": {*(one.value for one in RequestOutcome), "processed", "dead", "late"},
        "reason": set(STOPS),
        "care_worker_state": set(STATES),
        "job": set(EXPOSED),
    }

    for label, values in re.findall(r'\b(\w+)=~?"([^"]+)"', text):
        if label != "topic":
            assert set(values.split("|")) <= known[label], (label, values)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    annotations = rule["annotations"]

    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert annotations["runbook_url"].endswith(f"/{rule['alert']}.md")
    assert rule["labels"]["severity"] in {"page", "ticket", "none"}
    assert "for" in rule or rule["alert"] == "Watchdog"


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_every_runbook_has_its_four_parts_and_real_commands(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text.startswith(f"# {path.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Meaning", "Impact", "Diagnosis", "Mitigation",
    ]  # fmt: skip
    assert set(re.findall(r"(?:^|`)\s*carewatch ([a-z]+)", text, re.MULTILINE)) <= set(COMMANDS)
    exposed = set().union(*EXPOSED.values()) | {rule["record"] for rule in RECORDS}
    series = set(re.findall(r"\b(?:\w+:)?care_\w+(?::\w+)?", text))
    known = {name for name in series if name in exposed or any(
        one.startswith(name) for one in exposed)}  # fmt: skip
    assert series - known == set()


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDS], ids=RULE_IDS)
def test_no_rule_makes_a_mistake_that_is_known(rule: dict[str, Any]) -> None:
    expr = str(rule["expr"])

    # A label that changes with every evaluation never stays for as long as `for` asks.
    assert not any("{{" in str(value) for value in rule.get("labels", {}).values())
    # A target that is away for one scrape is no alert.
    assert "absent" not in expr or seconds(rule["for"]) >= 2 * SCRAPE_S
    # What is among the first changes without anything being wrong.
    assert not re.search(r"\b(topk|bottomk)\b", expr)
    # A restart of one target is a reset of the sum.
    assert not re.search(r"\b(rate|irate|increase)\s*\(\s*(sum|max|min|avg|count)\b", expr)
    # Two jobs restart at different times, and a ratio of both jumps.
    assert "/" not in expr or len(jobs_of(expr)) == 1
    # All boards show the same: adding them counts everything twice.
    board = names_in(expr) & EXPOSED["care-board"]
    assert not board or re.search(r"\b(max|min) (without \(instance, pod\)|by \(job)|absent", expr)


def test_a_burn_limit_can_be_reached_and_is_above_the_budget_for_every_objective() -> None:
    """The same arithmetic as in the rules, whose text is compared; 14.4 x 10 % is out of reach."""
    limits = {rule["record"]: rule["expr"] for rule in RECORDS if "burn_limit" in rule["record"]}
    parts = {"1h": ("14.4", "(1 + b) / 2"), "6h": ("6", "(1 + 2 * b) / 3"),
             "1d": ("3", "(1 + 5 * b) / 6")}  # fmt: skip
    for window, (factor, part) in parts.items():
        written = " ".join(limits[f"policy:care_sla_burn_limit{window}:ratio"].split())
        expected = f"{factor} * b < {part} or {part}"
        assert written.replace("policy:care_sla_budget:ratio", "b") == expected

    for permille in range(1, 1000):
        b = permille / 1000
        hour, six, day = (
            min(factor * b, part)
            for factor, part in ((14.4, (1 + b) / 2), (6, (1 + 2 * b) / 3), (3, (1 + 5 * b) / 6))
        )
        assert b < day < six < hour < 1


def test_every_channel_has_a_limit_for_the_oldest_unanswered() -> None:
    limited = [
        rule["labels"]["channel"] for rule in RECORDS
        if rule["record"] == "channel:care_oldest_unanswered_limit:seconds"
    ]  # fmt: skip

    assert sorted(limited) == sorted(CHANNELS)


def test_the_series_limit_is_told_at_four_fifths() -> None:
    config = read(DEPLOY / "prometheus" / "prometheus.yml")
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    [rule] = [rule for rule in ALERTS if rule["alert"] == "CareSeriesLimitNear"]

    assert set(jobs) == set(EXPOSED)
    limit = jobs["care-board"]["sample_limit"]
    assert int(rule["expr"].split(">")[1]) * 5 == limit * 4
