"""How clients reach Kafka: what the settings say, and nothing that could leak by chance."""

import ssl
from pathlib import Path

import pytest

from carewatch.domain.errors import ConfigError
from carewatch.engine.connection import kafka_options
from carewatch.settings import KafkaSettings, Secret


def test_without_security_only_the_address_matters() -> None:
    assert kafka_options(KafkaSettings(bootstrap_servers="a:1,b:2")) == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
    }


def test_a_name_and_a_password_say_who_asks() -> None:
    kafka = KafkaSettings(
        security_protocol="SASL_PLAINTEXT", username="worker", password=Secret("hush")
    )

    options = kafka_options(kafka)

    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert options["sasl_plain_username"] == "worker"
    assert options["sasl_plain_password"] == "hush"
    assert "ssl_context" not in options
    assert "hush" not in repr(kafka)


def test_tls_checks_the_brokers_name_and_refuses_old_versions() -> None:
    context = kafka_options(KafkaSettings(security_protocol="SSL"))["ssl_context"]

    assert context.check_hostname is True
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_certificate_that_cannot_be_used_is_told_by_its_setting(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigError, match=r"kafka\.ca_file, cert_file or key_file cannot be used"):
        kafka_options(KafkaSettings(security_protocol="SSL", ca_file=str(path)))
