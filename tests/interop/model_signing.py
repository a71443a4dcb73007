"""Signatures go both ways between portcullis and the reference implementation of OpenSSF Model Signing.

The reference signs models/default and portcullis accepts it; portcullis signs it and the reference accepts it. After that, in
each direction, one flipped byte in any file or anywhere in the signature, one file more and one file less are refused.

    python3 -m venv target/interop && target/interop/bin/pip install model-signing==1.1.1 pyopenssl
    cargo build --release
    target/interop/bin/python tests/interop/model_signing.py target/release/portcullis

(pyopenssl, because model-signing 1.1.1 imports it without saying so.) With --renew in place of the program's path, the
reference signs tests/interop/reference anew, with a new key, and fuzz/corpus/artifact gets the bundle.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# This file bears the package's own name: without this, it would import itself.
sys.path.remove(str(Path(__file__).resolve().parent))

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import hashing, signing, verifying

HERE = Path(__file__).parent
SIGNATURE = "model.sig"


def reference_keygen(folder):
    """A pair as other tools write it: the private key in SEC 1."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    folder.mkdir(exist_ok=True)
    (folder / "private.pem").write_bytes(private)
    (folder / "public.pem").write_bytes(public)


def reference_sign(model, private):
    hashing_config = hashing.Config().set_ignored_paths(paths=[SIGNATURE])
    config = signing.Config().use_elliptic_key_signer(private_key=private).set_hashing_config(hashing_config)
    config.sign(model, model / SIGNATURE)


def reference_verify(model, public):
    try:
        verifying.Config().use_elliptic_key_verifier(public_key=public).verify(model, model / SIGNATURE)
    except Exception:
        return False
    return True


def tampered(model):
    """Changes the folder in one way after the other and yields what was done, undoing it afterwards."""
    for path in sorted(model.iterdir()):
        content = path.read_bytes()
        places = range(0, len(content), 97) if path.name == SIGNATURE else [len(content) // 2]
        for place in places:
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            yield f"byte {place} of {path.name} flipped"
        path.unlink()
        yield f"{path.name} missing"
        path.write_bytes(content)
    (model / "more.txt").write_text("more")
    yield "one file more"
    (model / "more.txt").unlink()


def check(what, model, verify):
    assert verify(model), f"{what}: refused"
    refused = 0
    for change in tampered(model):
        assert not verify(model), f"{what}: accepted with {change}"
        refused += 1
    assert verify(model), f"{what}: refused after all changes were undone"
    print(f"{what}: accepted; {refused} changes refused")


def renew():
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder)
        reference_keygen(keys)
        shutil.copy(keys / "public.pem", HERE / "reference")
        model = HERE / "reference" / "model"
        reference_sign(model, keys / "private.pem")
        shutil.copy(model / SIGNATURE, HERE.parents[1] / "fuzz" / "corpus" / "artifact" / "bundle")


def main(portcullis):
    def run(*arguments):
        return subprocess.run([portcullis, *map(str, arguments)], capture_output=True, text=True)

    def portcullis_verify(keys):
        def verify(model):
            result = run("models", "verify", model, "--key", keys / "public.pem")
            assert result.returncode in (0, 1), result.stderr
            assert result.returncode == 0 or "refused" in result.stderr, result.stderr
            return result.returncode == 0

        return verify

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model = folder / "model"
        shutil.copytree(HERE.parents[1] / "models" / "default", model)

        theirs = folder / "theirs"
        reference_keygen(theirs)
        reference_sign(model, theirs / "private.pem")
        check("the reference signs, portcullis verifies", model, portcullis_verify(theirs))

        ours = folder / "ours"
        assert not portcullis_verify(theirs)(HERE), "a folder without a model was accepted"
        assert run("models", "keygen", "--out", ours).returncode == 0
        signed = run("models", "sign", model, "--key", ours / "private.pem")
        assert signed.returncode == 0, signed.stderr
        check("portcullis signs, the reference verifies", model, lambda model: reference_verify(model, ours / "public.pem"))
        check("portcullis signs, portcullis verifies", model, portcullis_verify(ours))
        assert not portcullis_verify(theirs)(model), "accepted with another's key"
        # Keys of the one tool work in the other.
        reference_sign(model, ours / "private.pem")
        assert portcullis_verify(ours)(model)
        assert run("models", "sign", model, "--key", theirs / "private.pem").returncode == 0
        assert reference_verify(model, theirs / "public.pem")
        print("keys made by each sign with the other")


if __name__ == "__main__":
    renew() if sys.argv[1] == "--renew" else main(str(Path(sys.argv[1]).resolve()))
