"""Who may ask, and what is never told to those who may not."""

import base64
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.errors import SettingsError
from streams.http_settings import HttpSettings, TrustedProxy
from streams.serving import passwords
from streams.serving.access import Guard, open_guard, read_passwords
from streams.settings import load_settings

SECRET = "Kröte-7"


def basic(name: str, password: str) -> dict[str, str]:
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"authorization": f"Basic {token}"}


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    file = tmp_path / "passwords"
    file.write_text(f"# who may look\n\nplain:{SECRET}\nhashed:{passwords.hashed(SECRET)}\n")
    return open_guard(HttpSettings(basic_auth_file=file))


class TestBasic:
    @pytest.mark.parametrize("name", ["plain", "hashed"])
    def test_the_right_password_opens_again_and_again(self, guard: Guard, name: str) -> None:
        assert guard.admits("192.0.2.1", basic(name, SECRET))
        assert guard.admits("192.0.2.1", basic(name, SECRET))

    def test_several_who_look_in_turn_are_known(
        self, guard: Guard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """To compare with a hash takes long: it is not done for each request of each of them."""
        everybody = [basic(name, SECRET) for name in ("plain", "hashed")]
        assert all(guard.admits("192.0.2.1", each) for each in everybody)
        monkeypatch.setattr(passwords, "fits", lambda *_: False)
        assert all(guard.admits("192.0.2.1", each) for each in everybody)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            basic("plain", "wrong"),
            basic("hashed", "wrong"),
            basic("nobody", SECRET),
            basic("", ""),
            {"authorization": "Basic %%%"},
            {"authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
            {"authorization": f"Bearer {SECRET}"},
            {"authorization": "Basic"},
            {"authorization": "Basic \x80ü"},
        ],
        ids=str,
    )
    def test_anything_else_does_not(self, guard: Guard, headers: dict[str, str]) -> None:
        assert guard.admits("127.0.0.1", basic("plain", SECRET))
        assert not guard.admits("127.0.0.1", headers)

    def test_the_hash_that_stands_in_the_file_is_no_password(self, tmp_path: Path) -> None:
        stored = passwords.hashed(SECRET)
        file = tmp_path / "passwords"
        file.write_text(f"hashed:{stored}\n")
        guard = open_guard(HttpSettings(basic_auth_file=file))
        assert not guard.admits("127.0.0.1", basic("hashed", stored))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "names nobody; write a line `name:password`"),
            (f"{SECRET}\n", "passwords:1: no line `name:password`"),
            (f"a:b\n:{SECRET}\n", "passwords:2: no line `name:password`"),
            ("a:scrypt:zz:00\n", "passwords:1: no line `name:password`"),
            ("a:scrypt:00:\n", "passwords:1: no line `name:password`"),
        ],
    )
    def test_a_bad_file_is_told_without_its_secrets(
        self, tmp_path: Path, text: str, said: str
    ) -> None:
        file = tmp_path / "passwords"
        file.write_text(text)
        with pytest.raises(SettingsError) as told:
            read_passwords(file)
        assert said in str(told.value)
        assert SECRET not in str(told.value)

    def test_a_file_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="none cannot be read: No such file"):
            read_passwords(tmp_path / "none")

    def test_the_command_prints_a_hash_that_fits(self) -> None:
        result = CliRunner().invoke(app, ["password"], input=f"{SECRET}\n")
        assert result.exit_code == 0
        assert passwords.fits(SECRET.encode(), result.stdout.splitlines()[-1])
        assert SECRET not in result.stdout


class TestTrustedProxy:
    @pytest.fixture
    def guard(self) -> Guard:
        proxy = TrustedProxy(header="X-Forwarded-User", addresses=("10.0.0.7", "10.1.0.0/16"))
        return open_guard(HttpSettings(bind="0.0.0.0", trusted_proxy=proxy))

    @pytest.mark.parametrize("peer", ["10.0.0.7", "10.1.200.3", "::ffff:10.0.0.7"])
    def test_its_header_opens(self, guard: Guard, peer: str) -> None:
        assert guard.admits(peer, {"x-forwarded-user": "ada"})

    @pytest.mark.parametrize(
        ("peer", "headers"),
        [
            ("10.0.0.8", {"x-forwarded-user": "ada"}),
            ("127.0.0.1", {"x-forwarded-user": "ada"}),
            ("fe80::1%eth0", {"x-forwarded-user": "ada"}),
            ("10.0.0.7", {}),
            ("10.0.0.7", {"x-forwarded-user": " "}),
            ("10.0.0.7", {"x-user": "ada"}),
        ],
    )
    def test_others_and_silence_do_not(
        self, guard: Guard, peer: str, headers: dict[str, str]
    ) -> None:
        assert not guard.admits(peer, headers)


class TestSettings:
    def test_without_words_it_is_loopback_and_open(self) -> None:
        http = load_settings().http
        assert (str(http.bind), http.port) == ("127.0.0.1", None)
        assert open_guard(http).admits("127.0.0.1", {})

    @pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.1"])
    def test_elsewhere_without_authentication_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, bind: str
    ) -> None:
        monkeypatch.setenv("DAVY_HTTP__BIND", bind)
        with pytest.raises(SettingsError) as told:
            load_settings()
        assert f"http: bind: {bind} is not loopback" in str(told.value)
        assert "set http.basic_auth_file or http.trusted_proxy" in str(told.value)

    def test_the_environment_names_a_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DAVY_HTTP__BIND", "0.0.0.0")
        monkeypatch.setenv("DAVY_HTTP__TRUSTED_PROXY__HEADER", "X-User")
        monkeypatch.setenv("DAVY_HTTP__TRUSTED_PROXY__ADDRESSES", '["10.0.0.7"]')
        proxy = load_settings().http.trusted_proxy
        assert proxy is not None
        assert [str(network) for network in proxy.addresses] == ["10.0.0.7/32"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("http: {prot: 1}", "davy.yaml:1: http.prot: unknown setting; did you mean `port`?"),
            ("http: {port: 99999}", "davy.yaml:1: http.port: "),
            (
                "http: {trusted_proxy: {header: X, addrs: []}}",
                "unknown setting; did you mean `addresses`?",
            ),
        ],
    )
    def test_mistakes_are_told_with_their_line(self, tmp_path: Path, text: str, said: str) -> None:
        file = tmp_path / "davy.yaml"
        file.write_text(text)
        with pytest.raises(SettingsError) as told:
            load_settings(file)
        assert said in str(told.value)
