"""Signs a folder and verifies it, after the OpenSSF Model Signing specification (v1.0).

Needs model-signing and pyOpenSSL. Writes key files and signature files. A signature covers the
name and sha256 of every file below the folder, hidden ones included, and refuses links.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from data_contracts.errors import InputError, IntegrityError
from data_contracts.records import Frozen

STEP = "signature"


class SigningKeys(Frozen):
    """Where an elliptic-curve key pair lies (PEM). Only those who sign have `private`."""

    public: Path
    private: Path | None = None


def ensure_keys(folder: Path) -> SigningKeys:
    """Return the key pair of a folder, making one (P-256; private file 0600) if there is none."""
    public, private = folder / "signing.pub", folder / "signing.key"
    if not private.exists():
        _generate(private)
    if not public.exists():
        public.write_bytes(_public_pem(private))
    return SigningKeys(public=public, private=private)


def sign_folder(folder: Path, signature: Path, keys: SigningKeys) -> None:
    """Write the signature of a folder's files to a file outside of it."""
    from model_signing import signing

    if keys.private is None or not keys.private.is_file():
        raise InputError(
            "there is no private key to sign with",
            step=STEP,
            where=str(keys.private),
            remedy="point the signing key setting at a PEM file with a P-256 private key",
        )
    config = signing.Config().use_elliptic_key_signer(private_key=keys.private)
    config.set_hashing_config(_hashing()).sign(folder, signature)


def verify_folder(folder: Path, signature: Path, keys: SigningKeys) -> None:
    """Return if a folder holds exactly the files that were signed; IntegrityError otherwise."""
    from model_signing import verifying

    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=keys.public)
        config.set_hashing_config(_hashing()).verify(folder, signature)
    # Whatever a crafted signature makes the library raise is a refusal.
    except Exception as error:
        raise IntegrityError(
            f"the signature does not hold ({_reason(error)})",
            step=STEP,
            where=folder.name,
            remedy="take the version from a registry that you trust, or register it again",
        ) from error


def _hashing() -> Any:
    """Return how files are hashed; set by us so that a signature cannot name files to skip."""
    from model_signing import hashing

    # By default the library skips .git, .gitignore and their like: a place to hide a file.
    config = hashing.Config().use_file_serialization(allow_symlinks=False)
    return config.set_ignored_paths(paths=(), ignore_git_paths=False)


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
