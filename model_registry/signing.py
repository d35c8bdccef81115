"""Signs a folder and verifies it, after the OpenSSF Model Signing specification (v1.0).

Needs model-signing and pyOpenSSL. Writes key files and signature files. A signature covers the
name and sha256 of every file below the folder, hidden ones included, and refuses links. Both work
on digests that were taken already too (contents.py), so that weights are not read once more.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from data_contracts.errors import InputError, IntegrityError
from data_contracts.records import Frozen
from model_registry.contents import Contents, read_contents

STEP = "signature"
_FOLDER = "files"  # what a signature calls what it is over


class SigningKeys(Frozen):
    """Where an elliptic-curve key pair lies (PEM). Only those who sign have `private`."""

    public: Path
    private: Path | None = None


def ensure_keys(folder: Path) -> SigningKeys:
    """Return the key pair of a folder, making one (P-256; private file 0600) if there is none.

    A folder with the public key alone is that of who verifies and signs nothing.
    """
    public, private = folder / "signing.pub", folder / "signing.key"
    if public.exists() and not private.exists():
        return SigningKeys(public=public)
    if not private.exists():
        _generate(private)
    if not public.exists():
        public.write_bytes(_public_pem(private))
    return SigningKeys(public=public, private=private)


def sign_folder(folder: Path, signature: Path, keys: SigningKeys) -> None:
    """Write the signature of a folder's files to a file outside of it."""
    sign_contents(read_contents(folder), signature, keys)


def sign_contents(contents: Contents, signature: Path, keys: SigningKeys) -> None:
    """Write the signature of files that were read already."""
    from model_signing import signing

    if keys.private is None or not keys.private.is_file():
        raise InputError(
            "there is no private key to sign with",
            step=STEP,
            where=str(keys.private),
            remedy="point the signing key setting at a PEM file with a P-256 private key",
        )
    config: Any = signing.Config().use_elliptic_key_signer(private_key=keys.private)
    config.set_hashing_config(_Known(contents)).sign(_FOLDER, signature)


def verify_folder(folder: Path, signature: Path, keys: SigningKeys) -> None:
    """Return if a folder holds exactly the files that were signed; IntegrityError otherwise."""
    try:
        contents = read_contents(folder)
    except IntegrityError as error:
        raise _refusal(error.what, folder.name) from error
    verify_contents(contents, signature, keys, folder.name)


def verify_contents(contents: Contents, signature: Path, keys: SigningKeys, where: str) -> None:
    """Return if files that were read are exactly those that were signed; IntegrityError if not.

    `where` is what an error calls them.
    """
    from model_signing import verifying

    try:
        config: Any = verifying.Config().use_elliptic_key_verifier(public_key=keys.public)
        config.set_hashing_config(_Known(contents)).verify(_FOLDER, signature)
    # Whatever a crafted signature makes the library raise is a refusal.
    except Exception as error:
        raise _refusal(_reason(error), where) from error


class _Known:
    """What the library asks for hashes: it gives those that are known, whatever the path.

    Every file is among them. The library itself passes over .git, .gitignore and their like, and
    what a signature says is to be ignored: places to hide a file.
    """

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def hash(self, model_path: Any, **_: Any) -> Any:
        from model_signing import manifest
        from model_signing.hashing import hashing

        way = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
        items = [
            manifest.FileManifestItem(
                path=PurePosixPath(name), digest=hashing.Digest("sha256", bytes.fromhex(value))
            )
            for name, value in self._contents.files.items()
        ]
        return manifest.Manifest(
            Path(model_path).name, items, manifest.SerializationType.from_args(way)
        )

    def add_ignored_paths(self, **_: Any) -> None:
        """Ignore nothing."""


def _refusal(reason: str, where: str) -> IntegrityError:
    return IntegrityError(
        f"the signature does not hold ({reason})",
        step=STEP,
        where=where,
        remedy="take the version from a registry that you trust, or register it again",
    )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:300] or type(error).__name__


def _generate(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # Written aside and linked: two that start at once agree on one key, never on half of one.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _public_pem(private: Path) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(private.read_bytes(), None)
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
