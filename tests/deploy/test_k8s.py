"""The manifests of deploy/k8s: built by kustomize itself, then compared with schemas and the code.

No cluster has ever seen them: that every name in them is one that the code, its settings or another
manifest knows is checked here, not that pods start.
"""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import click
import jsonschema_rs
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from carewatch import __version__
from carewatch.cli import main
from carewatch.overrides import PREFIX, list_variables
from carewatch.settings import Settings, load_settings
from carewatch.streams.app import STOP_SECONDS
from carewatch.wire.access import ROLES, Right, rights
from carewatch.wire.topics import TOPICS
from support.custom_objects import SCHEMAS

DEPLOY = Path(__file__).parents[2] / "deploy"
K8S = DEPLOY / "k8s"


def _script(path: Path) -> Any:
    """A file that is run as a script, under a name of its own: another folder has a `generate`."""
    spec = spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _script(K8S / "generate.py")

Object = dict[str, Any]
BUILDS = ("base", "example", "with keda")
PROCESSES = ("gateway", "worker", "board")
COMMANDS = ("topics", "rulebook")
OLDEST, NEWEST = "1.30", "1.37"
"""Kubernetes whose own definitions the objects are held against."""
METRICS_PORT = {"gateway": "metrics", "worker": "metrics", "board": "http"}


def kustomized(folder: Path) -> str:
    if shutil.which("kubectl") is None:
        remedy = "kubectl is missing: any from 1.27 on has the kustomize that is needed"
        if os.environ.get("CI"):
            pytest.fail(remedy)
        pytest.skip(remedy)
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")  # a warning is a mistake, too
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Object]]:
    """Every object of each build; the third switches the option on that the example leaves out."""
    copy = tmp_path_factory.mktemp("k8s") / "k8s"
    shutil.copytree(K8S, copy)
    overlay = copy / "overlays" / "example" / "kustomization.yaml"
    text = overlay.read_text()
    assert "  # - ../../components/keda\n" in text
    overlay.write_text(text.replace("  # - ../../components/keda", "  - ../../components/keda"))
    folders = {
        "base": K8S / "base",
        "example": K8S / "overlays" / "example",
        "with keda": overlay.parent,
    }
    return {
        name: list(YAML(typ="safe").load_all(kustomized(folder)))
        for name, folder in folders.items()
    }


@pytest.fixture(params=BUILDS)
def objects(request: pytest.FixtureRequest, built: dict[str, list[Object]]) -> list[Object]:
    found: list[Object] = built[request.param]
    return found


@pytest.fixture
def example(built: dict[str, list[Object]]) -> list[Object]:
    return built["example"]


def of_kind(objects: list[Object], kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def pod(objects: list[Object], component: str) -> Object:
    """The pod template of a process or a command."""
    name = f"carewatch-{component}"
    if component in PROCESSES:
        spec: Object = of_kind(objects, "StatefulSet")[name]["spec"]["template"]
        return spec
    job: Object = of_kind(objects, "CronJob")[name]["spec"]["jobTemplate"]["spec"]["template"]
    return job


def components(objects: list[Object]) -> list[str]:
    return [
        name.removeprefix("carewatch-")
        for kind in ("StatefulSet", "CronJob")
        for name in of_kind(objects, kind)
    ]


def container(template: Object) -> Object:
    (only,) = template["spec"]["containers"]
    found: Object = only
    return found


def settings_map(objects: list[Object]) -> dict[str, str]:
    (name,) = [one for one in of_kind(objects, "ConfigMap") if one.startswith("carewatch-settings")]
    found: dict[str, str] = of_kind(objects, "ConfigMap")[name]["data"]
    return found


def environment(objects: list[Object], component: str) -> dict[str, str]:
    """The plain settings that the process is given; secrets and fields are left out."""
    own = container(pod(objects, component)).get("env", ())
    return settings_map(objects) | {one["name"]: one["value"] for one in own if "value" in one}


def settings(objects: list[Object], component: str) -> Settings:
    """What the process would make of its environment and of the mounted folder."""
    environ = environment(objects, component)
    assert environ.pop(f"{PREFIX}CONFIG") == "/config"
    return load_settings(K8S / "base" / "config", environ, secrets="none")


# --- What was generated


def test_the_generated_files_are_what_the_code_says() -> None:
    """After a change: python deploy/k8s/generate.py, then read the diff."""
    made = generate.files()

    assert {path: path.read_text() for path in made} == made
    config = K8S / "base" / "config"
    assert sorted(config.rglob("*.yaml")) == sorted(path for path in made if config in path.parents)


def test_the_processes_are_told_of_the_counts_that_the_topics_are_born_with(
    objects: list[Object],
) -> None:
    for component in components(objects):
        told = settings(objects, component).kafka
        for name in (
            "partitions", "partials_partitions", "metrics_partitions", "replication_factor",
            "min_insync_replicas",
        ):  # fmt: skip
            assert getattr(told, name) == getattr(generate.PRODUCTION, name)


def test_every_topic_is_an_object_of_strimzi(example: list[Object]) -> None:
    found = [one["spec"]["topicName"] for one in of_kind(example, "KafkaTopic").values()]

    assert sorted(found) == sorted(topic.name for topic in TOPICS)


def test_a_role_may_there_what_the_code_says_and_no_more(example: list[Object]) -> None:
    types = {"transactionalId": "transactional_id"}
    granted = {
        Right(name.removeprefix("carewatch-"), types.get(acl["resource"]["type"],  # type: ignore[arg-type]
              acl["resource"]["type"]), acl["resource"]["name"], operation,
              prefix=acl["resource"]["patternType"] == "prefix")
        for name, user in of_kind(example, "KafkaUser").items()
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }  # fmt: skip

    assert granted == {one for one in rights() if one.role != "admin"}
    assert {one.role for one in granted} == ROLES.keys() - {"admin"}


def test_the_rules_are_those_that_are_tested(example: list[Object]) -> None:
    yaml = YAML(typ="safe")
    files = {f"carewatch-{path.stem}": yaml.load(path) for path in generate.RULES.glob("*.yml")}

    found = of_kind(example, "PrometheusRule")
    assert {name: one["spec"] for name, one in found.items()} == files


# --- What schemas say


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_knows_every_field(objects: list[Object], version: str) -> None:
    for one in objects:
        if one["kind"] not in SCHEMAS:
            kubernetes_validate.validate(one, version, strict=True)


def test_operators_know_every_field(objects: list[Object]) -> None:
    for one in objects:
        if (schema := SCHEMAS.get(one["kind"])) is not None:
            jsonschema_rs.validator_for(schema).validate(json.loads(json.dumps(one)))


def test_a_misspelt_field_would_be_found(built: dict[str, list[Object]]) -> None:
    (worker,) = [one for one in built["base"] if one["metadata"]["name"] == "carewatch-worker"
                 and one["kind"] == "StatefulSet"]  # fmt: skip
    scaled = of_kind(built["with keda"], "ScaledObject")["carewatch-worker"]

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(worker | {"spec": {**worker["spec"], "replica": 1}}, NEWEST,
                                     strict=True)  # fmt: skip
    wrong = scaled | {"spec": {**scaled["spec"], "maxReplicas": 1}}
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validator_for(SCHEMAS["ScaledObject"]).validate(wrong)


def test_nothing_secret_is_in_the_repository(objects: list[Object]) -> None:
    assert of_kind(objects, "Secret") == {}


# --- What the code says


def test_every_process_runs_a_command_that_exists(objects: list[Object]) -> None:
    assert set(PROCESSES) <= set(components(objects)) <= {*PROCESSES, *COMMANDS}
    for component in components(objects):
        words = container(pod(objects, component))["args"]
        command: click.Command | None = main
        context = click.Context(main)
        while words and isinstance(command, click.Group):
            command, words = command.get_command(context, words[0]), words[1:]
        assert command is not None
        command.make_context(component, list(words))


def test_every_variable_is_a_setting_or_a_secret_that_the_configuration_refers_to(
    objects: list[Object],
) -> None:
    text = (DEPLOY / "config" / "carewatch.yaml").read_text()
    secrets = set(re.findall(r"env:(CARE_\w+)", text))
    known = {*list_variables(Settings), f"{PREFIX}CONFIG", *secrets}
    for component in components(objects):
        own = container(pod(objects, component)).get("env", ())

        assert [name for name in environment(objects, component) if name not in known] == []
        assert [one["name"] for one in own if one["name"] not in known] == []
        for one in own:
            reference = one.get("valueFrom", {}).get("secretKeyRef")
            assert reference is None or reference == {
                "name": "carewatch-secrets",
                "key": one["name"],
            }


def test_each_process_gets_the_secrets_that_it_needs(objects: list[Object]) -> None:
    def given(component: str) -> list[str]:
        one = container(pod(objects, component))
        whole = [f"all of {source['secretRef']['name']}" for source in one["envFrom"]
                 if "secretRef" in source]  # fmt: skip
        return whole + [
            variable["name"]
            for variable in one.get("env", ())
            if "secretKeyRef" in variable.get("valueFrom", {})
        ]

    assert {component: given(component) for component in PROCESSES} == {
        "gateway": ["all of carewatch-secrets"],
        "worker": ["CARE_DEAD_LETTER_KEY"],
        "board": [],
    }


def test_the_mounted_folder_is_the_configuration(objects: list[Object]) -> None:
    wanted = {
        str(path.relative_to(DEPLOY / "config")): path.read_text()
        for path in (DEPLOY / "config").rglob("*.yaml")
    }
    for component in components(objects):
        template = pod(objects, component)
        (volume,) = [one for one in template["spec"]["volumes"] if one["name"] == "config"]
        held = of_kind(objects, "ConfigMap")[volume["configMap"]["name"]]["data"]
        mounted = [one["mountPath"] for one in container(template)["volumeMounts"]
                   if one["name"] == "config"]  # fmt: skip

        assert mounted == ["/config"]
        items = {one["path"]: held[one["key"]] for one in volume["configMap"]["items"]}
        assert items == wanted


def test_a_port_is_where_the_process_listens_beyond_its_pod(objects: list[Object]) -> None:
    gateway, worker, board = (settings(objects, component) for component in PROCESSES)
    ports = {
        component: {one["name"]: one["containerPort"]
                    for one in container(pod(objects, component))["ports"]}
        for component in PROCESSES
    }  # fmt: skip

    assert ports == {
        "gateway": {"hooks": gateway.gateway.port, "metrics": gateway.gateway.metrics_port},
        "worker": {"metrics": worker.worker.metrics_port},
        "board": {"http": board.board.port},
    }
    assert gateway.gateway.host == worker.worker.metrics_host == board.board.host == "0.0.0.0"


def selected(objects: list[Object], selector: dict[str, str]) -> list[str]:
    """The processes and commands whose pods a selector means."""
    return [
        component
        for component in components(objects)
        if selector.items() <= pod(objects, component)["metadata"]["labels"].items()
    ]


def test_whoever_selects_pods_means_one_process_and_a_port_of_it(objects: list[Object]) -> None:
    meant: list[tuple[dict[str, str], list[str]]] = []
    for service in of_kind(objects, "Service").values():
        names = [one["targetPort"] for one in service["spec"]["ports"]]
        meant.append((service["spec"]["selector"], names))
    for monitor in of_kind(objects, "PodMonitor").values():
        names = [one["port"] for one in monitor["spec"]["podMetricsEndpoints"]]
        meant.append((monitor["spec"]["selector"]["matchLabels"], names))
    for policy in of_kind(objects, "NetworkPolicy").values():
        names = [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]
        meant.append((policy["spec"]["podSelector"]["matchLabels"], names))
    budgets = of_kind(objects, "PodDisruptionBudget").values()
    meant.extend((one["spec"]["selector"]["matchLabels"], []) for one in budgets)
    for selector, ports in meant:
        (component,) = selected(objects, selector)
        known = {one["name"] for one in container(pod(objects, component))["ports"]}
        assert set(ports) <= known


def test_a_stateful_set_has_its_headless_service_and_selects_its_own_pods(
    objects: list[Object],
) -> None:
    for name, one in of_kind(objects, "StatefulSet").items():
        service = of_kind(objects, "Service")[one["spec"]["serviceName"]]

        assert service["spec"]["clusterIP"] == "None"
        assert service["spec"]["selector"] == one["spec"]["selector"]["matchLabels"]
        spread = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [rule["labelSelector"] for rule in spread] == [one["spec"]["selector"]] * 2
        assert selected(objects, one["spec"]["selector"]["matchLabels"]) == [
            name.removeprefix("carewatch-")
        ]


def test_a_worker_s_slot_outlives_its_pod(objects: list[Object]) -> None:
    (slot,) = [one for one in container(pod(objects, "worker"))["env"]
               if one["name"] == f"{PREFIX}WORKER_SLOT"]  # fmt: skip

    assert slot["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_probes_let_a_worker_restore_and_depend_on_kafka_only_for_readiness(
    objects: list[Object],
) -> None:
    """A liveness probe that asked /readyz would end a worker for what it waits for."""
    for component in PROCESSES:
        one = container(pod(objects, component))
        asked = {
            kind: (one[f"{kind}Probe"]["httpGet"]["path"], one[f"{kind}Probe"]["httpGet"]["port"])
            for kind in ("startup", "readiness", "liveness")
        }
        port = METRICS_PORT[component]

        assert asked == {
            "startup": ("/livez", port),
            "readiness": ("/readyz", port),
            "liveness": ("/livez", port),
        }


def test_there_is_time_to_stop(objects: list[Object]) -> None:
    for component in PROCESSES:
        spec = pod(objects, component)["spec"]
        waits = container(pod(objects, component)).get("lifecycle", {}).get("preStop", {})
        seconds = waits.get("sleep", {}).get("seconds", 0)

        assert spec["terminationGracePeriodSeconds"] > seconds + 2 * STOP_SECONDS


def test_a_pod_may_do_little(objects: list[Object]) -> None:
    for component in components(objects):
        spec = pod(objects, component)["spec"]
        one = container(pod(objects, component))

        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert f"USER {spec['securityContext']['runAsUser']}" in (DEPLOY / "Dockerfile").read_text()
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert one["resources"].keys() == {"requests", "limits"}
        assert "cpu" not in one["resources"]["limits"]


def test_the_image_is_the_codes_version(objects: list[Object]) -> None:
    images = {container(pod(objects, component))["image"] for component in components(objects)}

    assert {image.rpartition(":")[2] for image in images} == {__version__}


def test_a_drain_takes_one_of_a_kind_at_a_time_and_waits_for_nobody_who_is_ill(
    objects: list[Object],
) -> None:
    budgets = of_kind(objects, "PodDisruptionBudget")

    assert budgets.keys() == of_kind(objects, "StatefulSet").keys()
    for one in budgets.values():
        assert one["spec"]["maxUnavailable"] == 1
        assert one["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_the_spool_is_on_a_volume_of_its_own_that_is_large_enough(objects: list[Object]) -> None:
    told = settings(objects, "gateway").gateway
    mounts = {one["mountPath"] for one in container(pod(objects, "gateway"))["volumeMounts"]
              if one["name"] == "spool"}  # fmt: skip
    (claim,) = of_kind(objects, "StatefulSet")["carewatch-gateway"]["spec"]["volumeClaimTemplates"]
    size = claim["spec"]["resources"]["requests"]["storage"]

    assert {str(Path(told.spool_dir).parent)} == mounts
    assert claim["metadata"]["name"] == "spool"
    assert int(size.removesuffix("Gi")) * 2**30 > told.spool_limit_bytes
    for other in ("worker", "board"):
        assert (
            "volumeClaimTemplates"
            not in of_kind(objects, "StatefulSet")[f"carewatch-{other}"]["spec"]
        )


def test_commands_are_run_by_people_alone(objects: list[Object]) -> None:
    assert all(one["spec"]["suspend"] is True for one in of_kind(objects, "CronJob").values())


def test_workers_divide_the_partitions_evenly(built: dict[str, list[Object]]) -> None:
    partitions = generate.PRODUCTION.partitions
    fixed = of_kind(built["base"], "StatefulSet")["carewatch-worker"]["spec"]["replicas"]
    keda = of_kind(built["with keda"], "ScaledObject")["carewatch-worker"]["spec"]

    assert partitions % fixed == 0
    assert [partitions % keda[f"{end}ReplicaCount"] for end in ("min", "max")] == [0, 0]
    scaled = of_kind(built["with keda"], "StatefulSet")["carewatch-worker"]
    assert "replicas" not in scaled["spec"]


# --- What the components say to each other


def test_each_process_shows_kafka_the_certificate_of_its_own_role(example: list[Object]) -> None:
    users = of_kind(example, "KafkaUser")
    for component in components(example):
        template = pod(example, component)
        (volume,) = [one for one in template["spec"]["volumes"] if one["name"] == "kafka"]
        authority, own = [one["secret"] for one in volume["projected"]["sources"]]
        (mount,) = [one["mountPath"] for one in container(template)["volumeMounts"]
                    if one["name"] == "kafka"]  # fmt: skip
        files = {f"{mount}/{item['path']}" for one in (authority, own) for item in one["items"]}
        kafka = settings(example, component).kafka

        assert own["name"] == f"carewatch-{component}"
        assert own["name"] in users
        assert authority["name"] == f"{generate.CLUSTER}-cluster-ca-cert"
        assert {kafka.ca_file, kafka.cert_file, kafka.key_file} == files
        assert kafka.security_protocol == "SSL"
        assert kafka.bootstrap_servers.startswith(f"{generate.CLUSTER}-kafka-bootstrap:")
        # Readable by the process and by nobody else: its group is fsGroup.
        assert volume["projected"]["defaultMode"] == 0o440
        assert template["spec"]["securityContext"]["fsGroup"]


def test_whom_strimzi_keeps_belongs_to_the_cluster(built: dict[str, list[Object]]) -> None:
    objects = built["with keda"]
    kept = [*of_kind(objects, "KafkaTopic").values(), *of_kind(objects, "KafkaUser").values()]

    assert kept
    for one in kept:
        assert one["metadata"]["labels"]["strimzi.io/cluster"] == generate.CLUSTER


def test_prometheus_has_the_jobs_and_limits_that_the_rules_rely_on(example: list[Object]) -> None:
    jobs = YAML(typ="safe").load(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    wanted = {job["job_name"]: job.get("sample_limit") for job in jobs}
    found = {}
    for monitor in of_kind(example, "PodMonitor").values():
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        labels = {one["targetLabel"]: one for one in endpoint["relabelings"]}
        found[labels["job"]["replacement"]] = monitor["spec"].get("sampleLimit")
        (component,) = selected(example, monitor["spec"]["selector"]["matchLabels"])

        assert labels["job"]["replacement"] == f"care-{component}"
        assert labels["instance"]["sourceLabels"] == ["__meta_kubernetes_pod_name"]
        assert endpoint["port"] == METRICS_PORT[component]
    assert found == wanted


def test_keda_asks_for_the_group_that_reads_the_log_and_may_see_no_more(
    built: dict[str, list[Object]],
) -> None:
    objects = built["with keda"]
    scaled = of_kind(objects, "ScaledObject")["carewatch-worker"]["spec"]
    (trigger,) = scaled["triggers"]
    login = of_kind(objects, "TriggerAuthentication")[trigger["authenticationRef"]["name"]]
    user = of_kind(objects, "KafkaUser")["carewatch-keda"]["spec"]["authorization"]["acls"]

    assert scaled["scaleTargetRef"]["name"] in of_kind(objects, "StatefulSet")
    assert (trigger["metadata"]["consumerGroup"], trigger["metadata"]["topic"]) == (
        "carewatch-track", "care.events",
    )  # fmt: skip
    assert (
        trigger["metadata"]["bootstrapServers"]
        == (settings_map(objects)["CAREWATCH_KAFKA_BOOTSTRAP_SERVERS"])
    )
    assert {one["name"] for one in login["spec"]["secretTargetRef"]} == {
        "care-cluster-ca-cert", "carewatch-keda",
    }  # fmt: skip
    assert {operation for acl in user for operation in acl["operations"]} == {"Describe"}


def test_only_webhooks_come_in_from_outside(example: list[Object]) -> None:
    (ingress,) = of_kind(example, "Ingress").values()
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    service = of_kind(example, "Service")[path["backend"]["service"]["name"]]

    assert (path["path"], path["pathType"]) == ("/hooks", "Prefix")
    assert path["backend"]["service"]["port"]["name"] in [
        one["name"] for one in service["spec"]["ports"]
    ]
    assert settings(example, "gateway").gateway.public_base_url == f"https://{rule['host']}"


@cache
def words_of_the_readme() -> str:
    return (K8S / "README.md").read_text()


@pytest.mark.parametrize("folder", ["base", "overlays/example", "components/strimzi",
                                    "components/monitoring", "components/keda"])  # fmt: skip
def test_the_readme_tells_of_every_folder(folder: str) -> None:
    assert f"`{folder}`" in words_of_the_readme()
    assert (K8S / folder / "kustomization.yaml").is_file()
