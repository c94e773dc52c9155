"""Settings that cannot work are refused at start-up, with what to write instead."""

from pathlib import Path
from typing import Any

import pytest

from streams.errors import SettingsError
from streams.publisher import Publisher, Registry
from streams.publisher.options import Options

GIVEN: dict[str, Any] = {"bootstrap": "b:1", "service": "s", "model_version": "v"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("said", "message"),
        [
            ({"service": ""}, "service: must be a text"),
            ({"model_version": ""}, "DAVY_MODEL_VERSION"),
            (
                {"model_version": "v" * 257},
                "model_version: must have at most 256 characters, got 257",
            ),
            ({"buffer_records": 0}, "buffer_records: must be above 0"),
            ({"idempotence": "perhaps"}, "idempotence: auto, on or off"),
            ({"kafka": {"partitioner": "random"}}, "needs murmur2_random"),
            ({"kafka": {"bootstrap.servers": "b"}}, "set `bootstrap`"),
            ({"kafka": {"sasl.pasword": "x"}}, 'No such configuration property: "sasl.pasword"'),
            ({"kafka": {"acks": "many"}}, "acks"),
            ({"registry": "registry:8081"}, "write https://registry:8081"),
            ({"user_key": "0123456789abcde"}, "user_key: must be 16 to 64 bytes, got 15; make one"),
            ({"user_key": ""}, "user_key: must be 16 to 64 bytes, got 0"),
            ({"user_key": "k" * 65}, "user_key: must be 16 to 64 bytes, got 65"),
            ({"user_key": "file:/nowhere"}, "user_key: /nowhere cannot be read: No such file"),
        ],
    )
    def test_the_message_names_the_setting(self, said: dict[str, Any], message: str) -> None:
        """Nothing is left for the first request to find out."""
        with pytest.raises(SettingsError, match=message):
            Publisher(**GIVEN | said)


class TestEnvironment:
    def test_everything_from_the_environment(self) -> None:
        """The names are those of the analyzer's own settings."""
        options = Options.from_env(
            {
                "DAVY_BOOTSTRAP": "kafka:9092",
                "DAVY_SERVICE": "digits",
                "DAVY_MODEL_VERSION": "v2",
                "DAVY_PREFIX": "x-",
                "DAVY_USER_KEY": "a key of this test",
                "DAVY_KAFKA": '{"linger.ms": "7"}',
                "DAVY_KAFKA__CLIENT_RACK": "r1",
                "DAVY_REGISTRY__URL": "https://u:p%40@registry/",
            }
        )
        assert options == Options(
            bootstrap="kafka:9092",
            service="digits",
            model_version="v2",
            prefix="x-",
            user_key="a key of this test",
            kafka={"linger.ms": "7", "client.rack": "r1"},
            registry=Registry(url="https://registry", basic_auth="u:p@"),
        )

    def test_arguments_win(self) -> None:
        """A service may name itself and leave the rest to its surroundings."""
        env = {"DAVY_SERVICE": "other", "DAVY_MODEL_VERSION": "v2"}
        options = Options.from_env(env, service="digits")
        assert (options.bootstrap, options.service) == ("localhost:9092", "digits")

    def test_a_missing_name(self) -> None:
        """The message names the variable to set."""
        with pytest.raises(SettingsError, match="DAVY_SERVICE"):
            Options.from_env({"DAVY_MODEL_VERSION": "v"})


class TestSecrets:
    def test_they_are_not_printed(self) -> None:
        """Neither the registry's nor the broker's password nor the users' key shows in a repr."""
        options = Options(
            **GIVEN,
            registry=Registry.parse("https://u:hush@r"),
            kafka={"sasl.password": "hush"},
            user_key="hush, hush, hush",
        )
        assert "hush" not in repr(options)

    def test_they_may_lie_in_files(self, tmp_path: Path) -> None:
        """`file:` and a path, for each of them, without the newline at the end."""
        path = tmp_path / "secret"
        path.write_text("u:a secret of sixteen\n")
        path.chmod(0o600)
        told = f"file:{path}"
        options = Options.from_env(
            {
                "DAVY_USER_KEY": told,
                "DAVY_KAFKA__SASL_PASSWORD": told,
                "DAVY_REGISTRY__URL": "https://r",
                "DAVY_REGISTRY__BASIC_AUTH": told,
            },
            service="s",
            model_version="v",
        )
        assert options.registry is not None
        found = (
            options.user_key,
            options.kafka["sasl.password"],
            options.registry.basic_auth,
        )
        assert found == ("u:a secret of sixteen",) * 3
