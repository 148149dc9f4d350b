"""A Kafka with TLS, names and passwords, and an authorizer that refuses what nobody allowed.

Clients of the plain listener are the administrator; everybody else comes by `SASL_SSL` and may do
what `carewatch.wire.access` says of the role. A third listener knows who asks by a certificate.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from carewatch.clock import system_clock
from carewatch.local.kafka import LocalKafka
from carewatch.local.ports import HOST, free_port
from carewatch.wire.access import ROLES, Right, rights

_TYPES = {"topic": 2, "group": 3, "cluster": 4, "transactional_id": 5}
_OPERATIONS = {
    "Read": 3, "Write": 4, "Create": 5, "Alter": 7, "Describe": 8, "DescribeConfigs": 10,
    "AlterConfigs": 11,
}  # fmt: skip
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3


def password_of(role: str) -> str:
    """Of the tests alone."""
    return f"password-of-{role}"


class SecuredKafka:
    """One node with three listeners; `start` makes a user of every role, and grants its rights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.ca_file = folder / "ca.pem"
        self._port = free_port()
        self._certified_port = free_port()
        plain, controller = free_port(), free_port()
        _write_certificates(folder)
        listeners = (
            f"PLAINTEXT://{HOST}:{plain},SASL_SSL://{HOST}:{self._port},"
            f"CERTIFIED://{HOST}:{self._certified_port}"
        )
        mechanism = "scram-sha-512"
        self.kafka = LocalKafka(
            folder / "kafka",
            port=plain,
            controller_port=controller,
            users={role: password_of(role) for role in ROLES},
            properties={
                "listeners": f"{listeners},CONTROLLER://{HOST}:{controller}",
                "advertised.listeners": listeners,
                "listener.security.protocol.map": (
                    "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CERTIFIED:SSL,CONTROLLER:PLAINTEXT"
                ),
                "inter.broker.listener.name": "PLAINTEXT",
                "authorizer.class.name": (
                    "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
                ),
                "allow.everyone.if.no.acl.found": "false",
                "super.users": "User:ANONYMOUS",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(folder / "broker.pem"),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.ca_file),
                "listener.name.certified.ssl.client.auth": "required",
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                f"listener.name.sasl_ssl.{mechanism}.sasl.jaas.config": (
                    "org.apache.kafka.common.security.scram.ScramLoginModule required;"
                ),
            },
        )

    @property
    def bootstrap_servers(self) -> str:
        """The plain listener: the administrator's."""
        return self.kafka.bootstrap_servers

    @property
    def secured_servers(self) -> str:
        """The listener of everybody else."""
        return f"{HOST}:{self._port}"

    @property
    def certified_servers(self) -> str:
        """The listener of those who show a certificate, as `CN=carewatch-ROLE`."""
        return f"{HOST}:{self._certified_port}"

    def start(self) -> None:
        """Blocks until every role can log in."""
        self.kafka.start()
        asyncio.run(self.grant(rights()))

    def stop(self) -> None:
        self.kafka.stop()

    def variables(self, role: str) -> dict[str, str]:
        """What a process of this role is given."""
        return {
            "CAREWATCH_KAFKA_BOOTSTRAP_SERVERS": self.secured_servers,
            "CAREWATCH_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "CAREWATCH_KAFKA_USERNAME": role,
            "CAREWATCH_KAFKA_CA_FILE": str(self.ca_file),
            "CARE_KAFKA_PASSWORD": password_of(role),
        }

    async def grant(self, granted: Iterable[Right]) -> None:
        """Allows more; a right's role is the name of a user."""
        client = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await client.start()
        try:
            await asyncio.gather(*(_create(client, right) for right in granted))
        finally:
            await client.close()


async def _create(client: AIOKafkaAdminClient, right: Right) -> None:
    answer: Any = await client._send_request(
        CreateAclsRequest(
            resource_type=_TYPES[right.resource],
            resource_name=right.name,
            resource_pattern_type_filter=_PREFIXED if right.prefix else _LITERAL,
            principal=f"User:{right.role}",
            host="*",
            operation=_OPERATIONS[right.operation],
            permission_type=_ALLOW,
        )
    )
    assert [code for code, _ in answer.creation_responses] == [0], (right, answer)


def _write_certificates(folder: Path) -> None:
    """`ca.pem` vouches for `broker.pem`, the broker's key and certificate, and for every role.

    A role has a folder with files called like those of Strimzi's secrets.
    """
    ca_key, broker_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of the tests")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker of the tests")])
    now = datetime.fromtimestamp(system_clock() / 1000, UTC)

    def begun(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
        )

    ca = (
        begun(ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
    broker = begun(name, broker_key).add_extension(addresses, critical=False)
    pem = serialization.Encoding.PEM

    def private(key: ec.EllipticCurvePrivateKey) -> bytes:
        unencrypted = serialization.NoEncryption()
        return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unencrypted)

    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "broker.pem").write_bytes(
        private(broker_key) + broker.sign(ca_key, hashes.SHA256()).public_bytes(pem)
    )
    for role in ROLES:
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"carewatch-{role}")])
        certificate = begun(own, key).sign(ca_key, hashes.SHA256())
        (folder / role).mkdir()
        (folder / role / "ca.crt").write_bytes(ca.public_bytes(pem))
        (folder / role / "user.crt").write_bytes(certificate.public_bytes(pem))
        (folder / role / "user.key").write_bytes(private(key))


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """A broker that asks who comes, for as long as the block lasts."""
    node = SecuredKafka(folder)
    try:
        node.start()
        yield node
    finally:
        node.stop()
