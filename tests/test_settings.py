"""Where settings come from, which one wins, and which source is blamed."""

import ssl
import subprocess
from pathlib import Path

import pytest

from streams.errors import SettingsError
from streams.settings import Settings, load_settings

SASL = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "davy",
    "sasl.password": "secret",
}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    """No davy.yaml of this machine and no DAVY_* variable reaches these tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("CONFIG", "BOOTSTRAP", "PREFIX", "PANE_MS", "KAFKA"):
        monkeypatch.delenv(f"DAVY_{name}", raising=False)


@pytest.fixture
def davy_yaml(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "davy.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, pem = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=davy", "-keyout", key, "-out", pem),
        ],
        check=True,
        capture_output=True,
    )
    return key, pem


class TestSources:
    def test_defaults(self):
        settings = load_settings()
        assert settings.bootstrap == "localhost:9092"
        assert settings.topic("panes") == "panes"

    def test_flags_beat_environment_beats_file_beats_default(self, davy_yaml, monkeypatch):
        davy_yaml("bootstrap: file:1\nprefix: file-\ngroup: file\n")
        monkeypatch.setenv("DAVY_PREFIX", "env-")
        monkeypatch.setenv("DAVY_BOOTSTRAP", "env:1")
        settings = load_settings(flags={"bootstrap": "flag:1", "group": None})
        found = (settings.bootstrap, settings.prefix, settings.group, settings.pane_ms)
        assert found == ("flag:1", "env-", "file", 1000)

    def test_the_file_can_be_named(self, tmp_path, monkeypatch):
        other = tmp_path / "other.yaml"
        other.write_text("group: other\n")
        assert load_settings(other).group == "other"
        monkeypatch.setenv("DAVY_CONFIG", str(other))
        assert load_settings().group == "other"

    def test_kafka_properties_keep_their_text(self, davy_yaml):
        davy_yaml(
            "kafka: {security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN,\n"
            "        sasl.username: 0123, sasl.password: yes}\n"
        )
        kafka = load_settings().kafka
        assert (kafka["sasl.username"], kafka["sasl.password"]) == ("0123", "yes")

    def test_environment_merges_into_kafka_properties(self, davy_yaml, monkeypatch):
        davy_yaml("kafka: {socket.timeout.ms: 5000}\n")
        monkeypatch.setenv("DAVY_KAFKA__SECURITY_PROTOCOL", "SASL_PLAINTEXT")
        monkeypatch.setenv("DAVY_KAFKA__SASL_MECHANISM", "PLAIN")
        monkeypatch.setenv("DAVY_KAFKA__SASL_USERNAME", "me")
        monkeypatch.setenv("DAVY_KAFKA__SASL_PASSWORD", "it's me")
        kafka = load_settings().kafka
        assert kafka["socket.timeout.ms"] == "5000"
        assert kafka["sasl.password"] == "it's me"

    def test_secrets_are_not_printed(self):
        settings = load_settings(flags={"kafka": SASL, "registry": {"basic_auth": "a:secret"}})
        assert "secret" not in repr(settings)


class TestMistakesNameTheirSource:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("group: a\npane_ms: 0\n", "davy.yaml:2: pane_ms: "),
            ("group: a\nbootstrp: b\n", "davy.yaml:2: unknown setting `bootstrp`; did you mean"),
            ("registry:\n  ulr: x\n", "davy.yaml:2: registry.ulr: unknown setting; did you mean"),
            ("kafka:\n  ssl.ca: x\n", "davy.yaml:2: kafka.ssl.ca: unknown security property"),
            ("kafka:\n  bootstrap.servers: x\n", "set `bootstrap`"),
            ("group: a\ngroup: b\n", "davy.yaml:2: group stands twice"),
            ("- a\n", "davy.yaml:1: the file is a list"),
            ("group: [\n", "davy.yaml:2: this is not YAML"),
            ("heartbeat_s: 20\n", "heartbeat_s: at most half of session_timeout_s"),
        ],
    )
    def test_in_the_file(self, davy_yaml, text, message):
        davy_yaml(text)
        with pytest.raises(SettingsError) as failure:
            load_settings()
        assert message in str(failure.value)

    def test_in_the_environment(self, monkeypatch):
        monkeypatch.setenv("DAVY_PANE_MS", "soon")
        with pytest.raises(SettingsError, match=r"^environment DAVY_PANE_MS: pane_ms: "):
            load_settings()

    def test_in_a_flag(self):
        with pytest.raises(SettingsError, match=r"^--prefix: prefix: "):
            load_settings(flags={"prefix": "a/b"})

    def test_json_in_the_environment(self, monkeypatch):
        monkeypatch.setenv("DAVY_KAFKA", "nonsense")
        with pytest.raises(SettingsError, match="write it as JSON"):
            load_settings()

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(SettingsError, match=r"^--config: there is no file"):
            load_settings(tmp_path / "gone.yaml")


class TestClients:
    def test_confluent_gets_the_properties_as_they_are(self):
        settings = Settings(bootstrap="b:1", kafka={"client.id": "me", "linger.ms": "5"})
        assert settings.confluent(**{"linger.ms": 7}) == {
            "bootstrap.servers": "b:1",
            "client.id": "me",
            "linger.ms": 7,
            "topic.metadata.refresh.interval.ms": 5_000,
        }

    def test_confluent_gets_mechanisms_as_it_knows_them(self):
        kafka = {**SASL, "security.protocol": "sasl_plaintext", "sasl.mechanism": "plain"}
        found = Settings(kafka=kafka).confluent()
        assert (found["security.protocol"], found["sasl.mechanism"]) == ("SASL_PLAINTEXT", "PLAIN")

    def test_aiokafka_plaintext(self):
        assert Settings(bootstrap="b:1").aiokafka() == {
            "bootstrap_servers": "b:1",
            "metadata_max_age_ms": 5_000,
            "request_timeout_ms": 6_000,
            "security_protocol": "PLAINTEXT",
        }

    def test_aiokafka_scram_over_tls(self, certificate):
        _, pem = certificate
        found = Settings(kafka={**SASL, "ssl.ca.location": str(pem)}).aiokafka()
        context = found.pop("ssl_context")
        assert found == {
            "bootstrap_servers": "localhost:9092",
            "metadata_max_age_ms": 5_000,
            "request_timeout_ms": 6_000,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "davy",
            "sasl_plain_password": "secret",
        }
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.cert_store_stats()["x509"] == 1

    def test_aiokafka_client_certificate(self, certificate):
        key, pem = certificate
        files = {"ssl.certificate.location": str(pem), "ssl.key.location": str(key)}
        options = {"security.protocol": "ssl", "ssl.endpoint.identification.algorithm": "none"}
        context = Settings(kafka={**files, **options}).aiokafka()["ssl_context"]
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)

    def test_verification_can_be_turned_off(self):
        kafka = {"security.protocol": "SSL", "enable.ssl.certificate.verification": False}
        context = load_settings(flags={"kafka": kafka}).aiokafka()["ssl_context"]
        assert context.verify_mode == ssl.CERT_NONE

    def test_pem_that_is_none_is_named(self, tmp_path):
        rubbish = tmp_path / "ca.pem"
        rubbish.write_text("rubbish")
        settings = Settings(kafka={"security.protocol": "SSL", "ssl.ca.location": str(rubbish)})
        with pytest.raises(SettingsError, match="cannot be loaded"):
            settings.aiokafka()

    @pytest.mark.parametrize(
        ("kafka", "message"),
        [
            ({"security.protocol": "TLS"}, "is none of"),
            ({**SASL, "sasl.mechanism": "GSSAPI"}, "must be one of"),
            ({**SASL, "sasl.password": ""}, "is needed"),
            ({"sasl.username": "me"}, "has no effect"),
            ({"ssl.ca.location": "ca.pem"}, "set security.protocol: SSL"),
            ({**SASL, "ssl.ca.location": "gone.pem"}, "no such file"),
            ({"ssl.keystore.location": "a"}, "unknown security property"),
            ({"partitioner": "random"}, "murmur2_random"),
        ],
    )
    def test_what_one_of_the_two_clients_cannot_do_is_refused(self, kafka, message):
        with pytest.raises(SettingsError, match=message):
            load_settings(flags={"kafka": kafka})
