"""The users of deploy/k8s on a real Kafka: each process, known by its certificate, does its work.

Kafka is given the rights that the KafkaUsers name, as Strimzi's user operator would, and the
processes the settings and files of components/strimzi.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from carewatch.clock import system_clock
from carewatch.local.child import Child
from carewatch.wire.access import Right
from support.deployment import Deployment
from support.secured import SecuredKafka, secured_kafka
from support.story import CONFIG, SECRETS, deliver

pytestmark = [pytest.mark.broker, pytest.mark.slow]

STRIMZI = Path(__file__).parents[2] / "deploy" / "k8s" / "components" / "strimzi"
RESOURCES = {"transactionalId": "transactional_id"}


def rights_of_users() -> Iterator[Right]:
    """What users.yaml allows; Kafka knows a user by the whole name of its certificate."""
    for user in YAML(typ="safe").load_all(STRIMZI / "users.yaml"):
        for acl in user["spec"]["authorization"]["acls"]:
            resource = acl["resource"]
            for operation in acl["operations"]:
                yield Right(
                    f"CN={user['metadata']['name']}",  # type: ignore[arg-type]  # a user's name
                    RESOURCES.get(resource["type"], resource["type"]),
                    resource["name"],
                    operation,
                    prefix=resource["patternType"] == "prefix",
                )


class Certified(Deployment):
    """Every process has the settings of components/strimzi, and the certificate of a role."""

    def __init__(self, folder: Path, kafka: SecuredKafka) -> None:
        super().__init__(folder, CONFIG, SECRETS, kafka.kafka)
        self.secured = kafka
        component = YAML(typ="safe").load(STRIMZI / "kustomization.yaml")
        (generator,) = component["configMapGenerator"]
        self._told = dict(line.split("=", 1) for line in generator["literals"])

    def variables(self, role: str) -> dict[str, str]:
        folder = f"{self.secured.folder / role}/"
        told = {name: value.replace("/kafka/", folder) for name, value in self._told.items()}
        return told | {"CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": self.secured.certified_servers}

    def start(self, *arguments: str, **settings: str) -> Child:
        # The topics are made by somebody else, as by Strimzi's topic operator.
        own = {} if arguments[0] == "topics" else self.variables(arguments[0])
        return super().start(*arguments, **(own | settings))


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("certified") / "node") as node:
        yield node


async def test_every_process_does_its_work_as_the_user_that_the_manifests_give_it(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    await kafka.grant(rights_of_users())
    deployment = Certified(tmp_path, kafka)
    try:
        await deployment.come_up()
        began_s = system_clock() // 1000 + 1
        answer = await deliver(deployment, "whatsapp_1_question", began_s)
        await deployment.passed(system_clock() + 1000)
        facts = await deployment.committed("care.facts")
        stranger = deployment.start("rulebook", "publish", **deployment.variables("board"))
        status = await stranger.ended()
    finally:
        await deployment.go_down()

    assert answer == (200, "")
    assert facts != []
    assert (status, deployment.ended_early) == (1, [stranger.obituary()])
    assert "this user of Kafka may not see: care.events" in stranger.log_tail()
