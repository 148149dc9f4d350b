"""How every client of carewatch reaches Kafka: one place, so that security has one place too."""

import ssl
from typing import Any

from aiokafka.helpers import create_ssl_context

from carewatch.domain.errors import ConfigError
from carewatch.settings import KafkaSettings


def kafka_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client; they hold the password: never to be logged.

    Raises ConfigError for a certificate or key that cannot be read.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security_protocol,
    }
    if uses_tls(kafka):
        options["ssl_context"] = tls_context(kafka)
    if uses_sasl(kafka):
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": kafka.password.reveal() if kafka.password else None,
        }
    return options


def uses_tls(kafka: KafkaSettings) -> bool:
    """Whether the connection is encrypted."""
    return kafka.security_protocol.endswith("SSL")


def uses_sasl(kafka: KafkaSettings) -> bool:
    """Whether a name and a password say who asks."""
    return kafka.security_protocol.startswith("SASL")


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext:
    """Checks the brokers' certificates and names; at least TLS 1.2. Raises ConfigError."""
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=kafka.ca_file, certfile=kafka.cert_file, keyfile=kafka.key_file
        )
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"kafka.ca_file, cert_file or key_file cannot be used: {error}; give each the path of a"
            " PEM file that this process may read"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
