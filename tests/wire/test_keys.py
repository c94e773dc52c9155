"""Keys in PEM files: what is taken, what is refused, and with which words."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from streams.access_settings import SigningSettings
from streams.cli.main import run
from streams.errors import SettingsError
from streams.settings import Settings, load_settings
from streams.wire.keys import KeyPair, id_in, new_pair, open_signer, open_trusted, read_private


@pytest.fixture
def pair(tmp_path: Path) -> KeyPair:
    return new_pair(tmp_path / "keys")


def settings(**signing: Any) -> Settings:
    return Settings(signing=SigningSettings(**signing))


class TestPair:
    def test_new(self, pair: KeyPair) -> None:
        """One id in both names and both files; the private one is its owner's alone."""
        assert [id_in(pair.private), id_in(pair.public)] == [pair.id, pair.id]
        assert pair.private.name.startswith(pair.id)
        assert pair.private.stat().st_mode & 0o777 == 0o600

    def test_commands(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """`davy keys new` says where to put them, `davy keys show` which key a file is."""
        with pytest.raises(SystemExit):
            run(["keys", "new", str(tmp_path / "keys")])
        said = capsys.readouterr().out
        (private,) = (tmp_path / "keys").glob("*.key.pem")
        assert f"signing.key: {private}" in said
        with pytest.raises(SystemExit):
            run(["keys", "show", str(private)])
        assert capsys.readouterr().out == f"{private.name.split('.')[0]}\n"

    def test_openssl_makes_them_too(self, tmp_path: Path) -> None:
        """What another tool writes is a key as well."""
        path = tmp_path / "own.pem"
        command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", path]
        subprocess.run(command, check=True, capture_output=True)
        path.chmod(0o600)
        assert open_signer(settings(key=path)) is not None


class TestSigner:
    def test_none(self) -> None:
        assert open_signer(settings()) is None

    def test_from_the_environment(self, pair: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
        """A path, or the key itself; what is told of settings never holds it."""
        monkeypatch.chdir(pair.private.parent)
        monkeypatch.setenv("DAVY_SIGNING__TRUSTED", str(pair.public))
        monkeypatch.setenv("DAVY_SIGNING__KEY", str(pair.private))
        named = open_signer(load_settings())
        monkeypatch.delenv("DAVY_SIGNING__KEY")
        monkeypatch.setenv("DAVY_SIGNING__KEY_PEM", pair.private.read_text())
        held = open_signer(load_settings())
        assert named is not None
        assert held is not None
        assert named.id == held.id == pair.id
        secret = pair.private.read_text().splitlines()[1]
        assert secret not in repr(load_settings())
        assert secret not in load_settings().model_dump_json()

    @pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602])
    def test_others_may_not_read_it(self, pair: KeyPair, mode: int) -> None:
        """The message is the command that mends it."""
        pair.private.chmod(mode)
        with pytest.raises(SettingsError, match=f"run: chmod 600 {pair.private}"):
            open_signer(settings(key=pair.private))

    def test_its_group_may(self, pair: KeyPair) -> None:
        """As Kubernetes mounts secrets with fsGroup."""
        pair.private.chmod(0o440)
        assert open_signer(settings(key=pair.private)) is not None

    @pytest.mark.parametrize(
        ("write", "said"),
        [
            (lambda _: None, "cannot be read: No such file"),
            (lambda path: path.write_text("rubbish"), "no private key in PEM"),
            (lambda path: path.write_bytes(_rsa()), "no Ed25519 key"),
            (lambda path: path.write_bytes(_encrypted(path)), "is encrypted"),
        ],
    )
    def test_no_key(self, tmp_path: Path, write: Callable[[Path], Any], said: str) -> None:
        path = tmp_path / "key.pem"
        write(path)
        if path.exists():
            path.chmod(0o600)
        with pytest.raises(SettingsError, match=said):
            open_signer(settings(key=path))

    def test_one_key_only(self, pair: KeyPair) -> None:
        with pytest.raises(ValueError, match="both set"):
            SigningSettings(key=pair.private, key_pem="x")

    def test_would_be_refused_by_its_own_actuators(self, pair: KeyPair, tmp_path: Path) -> None:
        """Said at a worker's start, not after its first decision was refused."""
        other = new_pair(tmp_path / "other")
        with pytest.raises(SettingsError, match=r"signing\.key: is not set.*DAVY_SIGNING__KEY"):
            open_signer(settings(trusted=pair.public))
        with pytest.raises(SettingsError, match=f"has the id {other.id}"):
            open_signer(settings(key=other.private, trusted=pair.public))


class TestTrusted:
    def test_none(self) -> None:
        assert open_trusted(settings()) is None

    def test_files_and_folders(self, pair: KeyPair, tmp_path: Path) -> None:
        """Every *.pem of a folder; several places; the same key twice is one."""
        other = new_pair(tmp_path / "other")
        folder = tmp_path / "trusted"
        folder.mkdir()
        (folder / "one.pem").write_bytes(pair.public.read_bytes())
        (folder / "notes.txt").write_text("no key")
        found = open_trusted(settings(trusted=(folder, other.public, pair.public)))
        assert found is not None
        assert found.ids == tuple(sorted((pair.id, other.id)))

    def test_no_key_there(self, tmp_path: Path) -> None:
        """A place without keys is a mistake, never a reason to verify nothing."""
        with pytest.raises(SettingsError, match=r"holds no \*\.pem file"):
            open_trusted(settings(trusted=tmp_path))
        with pytest.raises(SettingsError, match="No such file"):
            open_trusted(settings(trusted=tmp_path / "missing"))

    def test_a_private_key_is_refused(self, pair: KeyPair) -> None:
        """A folder that holds both files of a pair was copied too far."""
        with pytest.raises(SettingsError, match="is a private key, which only workers may have"):
            open_trusted(settings(trusted=pair.private.parent))

    def test_rubbish(self, tmp_path: Path) -> None:
        (tmp_path / "a.pem").write_text("rubbish")
        with pytest.raises(SettingsError, match=r"a\.pem is no public key in PEM"):
            open_trusted(settings(trusted=tmp_path))

    def test_from_yaml(self, pair: KeyPair, tmp_path: Path, monkeypatch: Any) -> None:
        """As people write it; a wrong name is told with its line."""
        monkeypatch.chdir(tmp_path)
        file = tmp_path / "davy.yaml"
        file.write_text(f"signing:\n  trusted: [{pair.public}]\n  key: {pair.private}\n")
        signer = open_signer(load_settings())
        assert signer is not None
        assert signer.id == pair.id
        file.write_text(f"signing:\n  trused: [{pair.public}]\n")
        with pytest.raises(SettingsError, match=r"yaml:2: signing\.trused: .*`trusted`"):
            load_settings()


def _rsa() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _encrypted(path: Path) -> bytes:
    pair = new_pair(path.parent)
    key = load_pem_private_key(pair.private.read_bytes(), None)
    assert read_private(pair.private) is not None
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
