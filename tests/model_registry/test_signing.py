from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import InputError, IntegrityError
from model_registry.signing import SigningKeys, ensure_keys, sign_folder, verify_folder


@pytest.fixture
def signed(tmp_path: Path, keys: SigningKeys) -> Path:
    folder = tmp_path / "model"
    (folder / "inner").mkdir(parents=True)
    (folder / "weights").write_bytes(bytes(range(256)))
    (folder / "inner" / "config.json").write_text("{}")
    sign_folder(folder, tmp_path / "model.sig", keys)
    return folder


def _flip(folder: Path) -> None:
    content = bytearray((folder / "weights").read_bytes())
    content[100] ^= 1
    (folder / "weights").write_bytes(content)


def _link(folder: Path) -> None:
    (folder / "inner" / "other").symlink_to("config.json")


def _add(folder: Path) -> None:
    (folder / "extra.txt").write_text("x")


def _hide(folder: Path) -> None:
    (folder / ".hidden").write_text("x")


def _hide_as_git_does(folder: Path) -> None:
    # A name that model-signing passes over unless it is told not to.
    (folder / ".gitignore").write_text("x")


def _hide_in_git(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")


def _remove(folder: Path) -> None:
    (folder / "inner" / "config.json").unlink()


def _rename(folder: Path) -> None:
    (folder / "weights").rename(folder / "weight")


HARMS = [_flip, _link, _add, _hide, _hide_as_git_does, _hide_in_git, _remove, _rename]


@pytest.mark.parametrize("harm", HARMS)
def test_any_change_is_refused(
    signed: Path, keys: SigningKeys, harm: Callable[[Path], object]
) -> None:
    verify_folder(signed, signed.parent / "model.sig", keys)
    harm(signed)
    with pytest.raises(IntegrityError, match="signature does not hold"):
        verify_folder(signed, signed.parent / "model.sig", keys)


def test_another_key_is_refused(signed: Path, tmp_path: Path) -> None:
    other = ensure_keys(tmp_path / "other")
    with pytest.raises(IntegrityError):
        verify_folder(signed, signed.parent / "model.sig", other)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"mediaType": "x"}'])
def test_a_broken_signature_is_refused(signed: Path, keys: SigningKeys, content: bytes) -> None:
    (signed.parent / "model.sig").write_bytes(content)
    with pytest.raises(IntegrityError):
        verify_folder(signed, signed.parent / "model.sig", keys)


def test_absent_signature_and_absent_key_are_refused(signed: Path, keys: SigningKeys) -> None:
    with pytest.raises(IntegrityError):
        verify_folder(signed, signed.parent / "none.sig", keys)
    gone = SigningKeys(public=signed / "no.pub")
    with pytest.raises(IntegrityError):
        verify_folder(signed, signed.parent / "model.sig", gone)
    with pytest.raises(InputError, match="no private key"):
        sign_folder(signed, signed.parent / "new.sig", gone)


def test_the_folder_may_move_and_be_renamed(signed: Path, keys: SigningKeys) -> None:
    moved = signed.rename(signed.parent / "elsewhere")
    verify_folder(moved, moved.parent / "model.sig", keys)


def test_keys_are_private_and_kept(tmp_path: Path) -> None:
    first = ensure_keys(tmp_path / "keys")
    assert first.private is not None
    assert stat.S_IMODE(first.private.stat().st_mode) == 0o600
    content = first.private.read_bytes()
    assert ensure_keys(tmp_path / "keys").private == first.private
    assert first.private.read_bytes() == content
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
        "signing.key",
        "signing.pub",
    ]


def test_who_has_the_public_key_alone_verifies_and_signs_nothing(
    signed: Path, keys: SigningKeys, tmp_path: Path
) -> None:
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / "signing.pub").write_bytes(keys.public.read_bytes())
    public = ensure_keys(folder)
    assert public.private is None
    assert [path.name for path in folder.iterdir()] == ["signing.pub"]  # and makes no other
    verify_folder(signed, signed.with_name("model.sig"), public)
    with pytest.raises(InputError, match="no private key"):
        sign_folder(signed, tmp_path / "mine.sig", public)
