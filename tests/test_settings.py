"""Settings: the file, the variables over it, secrets by reference, and every mistake named."""

from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

from carewatch.domain.errors import ConfigError
from carewatch.overrides import list_variables
from carewatch.settings import AccountSettings, Needed, Secret, Settings, load_settings

ACCOUNT = """\
accounts:
  - channel: generic
    account: web-1
    tenant: acme
    secrets: [env:WEB_SECRET]
privacy:
  customer_keys: {acme: env:CUSTOMER_KEY}
  agent_keys: {acme: file:agent.key}
tenants:
  acme: {timezone: Europe/Berlin}
"""
ENVIRON = {"WEB_SECRET": "whsec_abc", "CUSTOMER_KEY": "c" * 32}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.key").write_text("a" * 32 + "\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    (folder / "carewatch.yaml").write_text(text)
    return folder


def mistakes(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """The mistakes in a file, without its path."""
    with pytest.raises(ConfigError) as caught:
        load_settings(write(folder, text), ENVIRON if environ is None else environ)
    return str(caught.value).replace(f"{folder / 'carewatch.yaml'}", "FILE").split("\n")


def test_an_empty_file_means_the_defaults(folder: Path) -> None:
    assert load_settings(write(folder, ""), {}) == Settings()


def test_the_file_is_read_into_typed_settings_and_leaves_the_rulebook_alone(folder: Path) -> None:
    settings = load_settings(write(folder, "gateway: {port: 8181}\n" + ACCOUNT), ENVIRON)

    assert settings.gateway.port == 8181
    assert settings.accounts == (
        AccountSettings(
            channel="generic", account="web-1", tenant="acme", secrets=(Secret("whsec_abc"),)
        ),
    )
    assert settings.privacy.agent_keys == {"acme": Secret("a" * 32)}


def test_a_variable_wins_over_the_file(folder: Path) -> None:
    write(folder, "gateway: {port: 8181, host: 0.0.0.0}\n")

    settings = load_settings(folder, {"CAREWATCH_GATEWAY_PORT": "9999", "CAREWATCH_TESTING": "1"})

    assert (settings.gateway.port, settings.gateway.host) == (9999, "0.0.0.0")
    assert settings.testing is True


def test_every_plain_setting_has_a_variable(folder: Path) -> None:
    write(folder, "")
    for variable in list_variables(Settings).values():
        text = {str: "some-text", int: "1024", bool: "true", type(None): "some-text"}[
            type(variable.default)
        ]
        if isinstance(variable.kind, inspect.LiteralType):
            text = str(variable.kind.values[-1])
        environ = {variable.name: text}
        if variable.name == "CAREWATCH_WORKER_FLUSH_TIMEOUT_MS":
            environ["CAREWATCH_WORKER_TRANSACTION_TIMEOUT_MS"] = "2000"
        if variable.name == "CAREWATCH_KAFKA_SECURITY_PROTOCOL":
            text = "SSL"  # the others need a name and a password
            environ = {variable.name: text}
        for name, other in (("CERT", "KEY"), ("KEY", "CERT")):
            if variable.name == f"CAREWATCH_KAFKA_{name}_FILE":
                environ[f"CAREWATCH_KAFKA_{other}_FILE"] = "other"
        if variable.name == "CAREWATCH_KAFKA_MIN_INSYNC_REPLICAS":
            environ["CAREWATCH_KAFKA_REPLICATION_FACTOR"] = "2000"
        if variable.name == "CAREWATCH_WORKER_TRANSACTION_TIMEOUT_MS":
            environ["CAREWATCH_WORKER_FLUSH_TIMEOUT_MS"] = "1000"

        value: object = load_settings(folder, environ)
        for key in variable.keys:
            value = getattr(value, str(key))

        assert str(value).lower() == text.lower()


def test_every_plain_setting_says_what_it_is_for() -> None:
    sections = {
        field.name: field.type
        for field in msgspec.structs.fields(Settings)
        if field.name not in ("accounts", "privacy", "testing", "failpoints")
    }
    plain = {
        f"CAREWATCH_{name}_{field.name}".upper()
        for name, section in sections.items()
        for field in msgspec.structs.fields(section)
    }

    # Secrets are given by reference, in the file alone.
    plain -= {"CAREWATCH_KAFKA_PASSWORD", "CAREWATCH_BOARD_TOKEN"}
    assert set(list_variables(Settings)) == plain | {"CAREWATCH_TESTING", "CAREWATCH_FAILPOINTS"}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CAREWATCH_GATEWAY_PORT", "http", "expected a whole number, got 'http'"),
        ("CAREWATCH_GATEWAY_PORT", "70000", "70000 is out of range; it must be 0 to 65535"),
        ("CAREWATCH_TESTING", "maybe", "expected true or false, got 'maybe'"),
        ("CAREWATCH_GATEWAY_PROT", "80", 'did you mean "CAREWATCH_GATEWAY_PORT"?'),
    ],
)
def test_a_wrong_variable_is_named(folder: Path, name: str, value: str, says: str) -> None:
    found = mistakes(folder, "", {name: value})

    assert found[0].startswith(f"environment: {name}: ")
    assert says in found[0]


def test_variables_of_other_purposes_are_left_alone(folder: Path) -> None:
    environ = {"CAREWATCH_CACHE": "/somewhere", "CAREWATCH_CONFIG": "elsewhere"}

    assert load_settings(write(folder, ""), environ) == Settings()


def test_all_mistakes_are_listed_with_line_key_and_remedy(folder: Path) -> None:
    text = """\
gateway:
  prot: 80
  port: "80"
kafka:
  partitions: no
borad: {port: 1}
worker:
"""

    assert mistakes(folder, text) == [
        'FILE:2: gateway.prot: unknown key; did you mean "port"?',
        "FILE:3: gateway.port: expected a whole number, got '80'",
        "FILE:5: kafka.partitions: expected a whole number, got 'no'",
        'FILE:6: borad: unknown key; did you mean "board"?',
        "FILE:7: worker: expected keys and values, got nothing",
    ]


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("whsec_topsecret", "a secret is given as a reference, never as its value"),
        ("12345678", "a secret is given as a reference, never as its value"),
        ("env:MISSING", "env:MISSING is not set in the environment"),
        ("env:EMPTY", "env:EMPTY is empty"),
        ("file:missing", "file:missing cannot be read: No such file or directory"),
    ],
)
def test_a_secret_must_be_a_reference_that_resolves(
    folder: Path, reference: str, says: str
) -> None:
    text = ACCOUNT.replace("env:WEB_SECRET", reference)

    found = mistakes(folder, text, ENVIRON | {"EMPTY": ""})

    assert len(found) == 1
    assert found[0].startswith(f"FILE:5: accounts[0].secrets[0]: {says}")
    assert "topsecret" not in found[0]


def test_a_process_that_needs_no_secret_is_not_given_one(folder: Path) -> None:
    settings = load_settings(write(folder, ACCOUNT), {}, secrets="none")

    assert [(one.account, one.secrets) for one in settings.accounts] == [("web-1", ())]
    assert settings.privacy.customer_keys == {}


def test_the_worker_is_given_the_key_of_dead_letters_and_nothing_else(folder: Path) -> None:
    text = ACCOUNT.replace("privacy:", "privacy:\n  dead_letter_key: env:DEAD_KEY")
    settings = load_settings(write(folder, text), {"DEAD_KEY": "d" * 32}, secrets="dead_letters")

    key = settings.privacy.dead_letter_key
    assert key is not None
    assert (key.reveal(), settings.privacy.customer_keys) == ("d" * 32, {})
    with pytest.raises(ConfigError, match="env:DEAD_KEY is not set"):
        load_settings(folder, {}, secrets="dead_letters")


SASL = "  security_protocol: SASL_SSL\n  username: worker\n  password: env:KAFKA_PASSWORD\n"


@pytest.mark.parametrize("needed", ["all", "dead_letters", "kafka"])
def test_whoever_connects_is_given_the_password_of_kafka(folder: Path, needed: Needed) -> None:
    text = f"kafka:\n{SASL}{ACCOUNT}"

    settings = load_settings(
        write(folder, text), ENVIRON | {"KAFKA_PASSWORD": "hush"}, secrets=needed
    )

    assert settings.kafka.password == Secret("hush")
    assert "hush" not in repr(settings)


TOKEN = "board:\n  token: env:BOARD_TOKEN\n"
STRONG = "0123456789abcdef-._~"


@pytest.mark.parametrize("needed", ["all", "board"])
def test_the_board_is_given_its_token(folder: Path, needed: Needed) -> None:
    environ = ENVIRON | {"BOARD_TOKEN": STRONG}
    settings = load_settings(write(folder, TOKEN + ACCOUNT), environ, secrets=needed)

    assert settings.board.token == Secret(STRONG)
    assert STRONG not in repr(settings)


@pytest.mark.parametrize("needed", ["gateway", "dead_letters", "kafka", "none"])
def test_nobody_else_needs_the_token_of_the_board(folder: Path, needed: Needed) -> None:
    settings = load_settings(write(folder, TOKEN + ACCOUNT), ENVIRON, secrets=needed)

    assert settings.board.token is None
    assert bool(settings.accounts[0].secrets) == (needed == "gateway")


@pytest.mark.parametrize("token", [STRONG[:15], f"{STRONG}+", f"{STRONG} ", "ü" * 20, "a" * 201])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(folder: Path, token: str) -> None:
    found = mistakes(folder, TOKEN + ACCOUNT, ENVIRON | {"BOARD_TOKEN": token})

    says = "must be 16 to 200 letters, digits and - . _ ~; make one: openssl rand -hex 32"
    assert found == [f"FILE:2: board.token: {says}"]


def test_who_only_looks_at_the_form_is_not(folder: Path) -> None:
    settings = load_settings(write(folder, f"kafka:\n{SASL}{ACCOUNT}"), {}, secrets="none")

    assert settings.kafka.password is None


@pytest.mark.parametrize(
    ("kafka", "says"),
    [
        ("  security_protocol: SASL_SSL\n  username: w\n", "kafka.password: is missing"),
        ("  security_protocol: SASL_SSL\n  password: env:P\n", "kafka.username: is missing"),
        ("  security_protocol: TLS\n", "kafka.security_protocol: "),
        ("  cert_file: a.pem\n", "cert_file and key_file need each other"),
    ],
)
def test_a_connection_that_cannot_be_secured_is_refused(
    folder: Path, kafka: str, says: str
) -> None:
    found = mistakes(folder, f"kafka:\n{kafka}{ACCOUNT}", ENVIRON | {"P": "hush"})

    assert len(found) == 1
    assert says in found[0]


def test_secrets_are_masked_wherever_settings_are_printed(folder: Path) -> None:
    settings = load_settings(write(folder, ACCOUNT), ENVIRON)

    assert "whsec_abc" not in repr(settings)
    assert settings.accounts[0].secrets[0].reveal() == "whsec_abc"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("tenant: acme", "tenant: acne"),
            "FILE:4: accounts[0].tenant: 'acne' is not a key of tenants",
        ),
        (
            ("customer_keys: {acme: env:CUSTOMER_KEY}", "customer_keys: {}"),
            "FILE:7: privacy.customer_keys: has no key for tenant 'acme', which generic/web-1",
        ),
        (
            ("customer_keys: {acme: env:CUSTOMER_KEY}", "customer_keys: {acme: env:WEB_SECRET}"),
            "FILE:7: privacy.customer_keys.acme: is shorter than 16 bytes",
        ),
        (
            ("[env:WEB_SECRET]", "[]"),
            "FILE:5: accounts[0].secrets: generic/web-1 has none, so every request",
        ),
        (
            ("tenants:", "worker: {flush_timeout_ms: 10000}\ntenants:"),
            "FILE:9: worker.flush_timeout_ms: 10000 must be below transaction_timeout_ms (10000)",
        ),
        (
            ("tenants:", "kafka: {min_insync_replicas: 2}\ntenants:"),
            "FILE:9: kafka.min_insync_replicas: 2 is more than replication_factor (1)",
        ),
        (
            ("tenants:", "gateway: {metrics_port: 8080}\ntenants:"),
            "FILE:9: gateway.metrics_port: 8080 is also gateway.port",
        ),
    ],
)
def test_settings_that_cannot_work_together_are_refused(
    folder: Path, change: tuple[str, str], expected: str
) -> None:
    found = mistakes(folder, ACCOUNT.replace(*change))

    assert any(one.startswith(expected) for one in found), found


def test_an_account_given_twice_is_refused(folder: Path) -> None:
    again = (
        "  - {channel: generic, account: web-1, tenant: acme, secrets: [env:WEB_SECRET]}\nprivacy:"
    )

    found = mistakes(folder, ACCOUNT.replace("privacy:", again))

    assert len(found) == 1
    assert found[0].startswith("FILE:6: accounts[1].account: generic/web-1 is configured twice")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("tenant: acme\n", "tenant: acme\n    rate_burst: 5\n"),
            "FILE:5: accounts[0].rate_burst: of generic/web-1 says nothing without",
        ),
        (
            ("privacy:\n", "privacy:\n  text_tenants: [acme, amce]\n"),
            "FILE:7: privacy.text_tenants[1]: no account is of tenant 'amce'",
        ),
    ],
)
def test_what_would_silently_do_nothing_is_refused(
    folder: Path, change: tuple[str, str], expected: str
) -> None:
    (found,) = mistakes(folder, ACCOUNT.replace(*change))

    assert found.startswith(expected)


def test_a_folder_that_was_named_must_hold_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"carewatch\.yaml: there is no such file"):
        load_settings(None, {"CAREWATCH_CONFIG": str(tmp_path)})


def test_without_any_folder_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert load_settings(None, {"CAREWATCH_BOARD_PORT": "1"}).board.port == 1
