"""A bundle is taken whole, signed and for these optics, or refused with its own message."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from manifests import GRAPHS, MANIFEST

from firmware_host.bundle import Bundle, find_bundle, read_bundle, write_bundle
from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.trust import trusted_keys

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUSTED = [KEY.public_key()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "b.wsimodel", MANIFEST, GRAPHS, KEY)
    return tmp_path / "b.wsimodel"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """As the maker packs, apart from what is packed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in parts.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, compression)
    path.write_bytes(stream.getvalue())


def resigned(parts: dict[str, bytes], **values: object) -> dict[str, bytes]:
    """The parts with values of the manifest changed, by the maker."""
    text = json.dumps({**json.loads(parts["manifest.json"]), **values}).encode()
    return {**parts, "manifest.json": text, "signature": KEY.sign(text)}


def without(parts: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {each: part for each, part in parts.items() if each != name}


def test_it_comes_back_as_it_was_written(path: Path) -> None:
    bundle = read_bundle(path, TRUSTED)
    assert (bundle.graphs, bundle.manifest.name) == (GRAPHS, "test")
    assert bundle.patch_rule.delta_dof == 2.0


def test_same_content_same_bytes(path: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "again", MANIFEST, GRAPHS, KEY)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: {**p, "signature": b""}, "not signed"),
        (lambda p: {**p, "signature": Ed25519PrivateKey.generate().sign(p["manifest.json"])}, "unknown key"),
        (lambda p: {**p, "manifest.json": p["manifest.json"].replace(b"128", b"129")}, "manifest was changed"),
        (lambda p: {**p, "model_int8.onnx": b"another graph"}, "model_int8.onnx was changed after signing"),
        (lambda p: {**p, "model_fp32.onnx": b"another graph"}, "model_fp32.onnx was changed after signing"),
        (lambda p: without(p, "model_fp32.onnx"), "missing: model_fp32.onnx"),
        (lambda p: {**p, "../../evil": b"x"}, r"unexpected: '../../evil'"),
        (lambda p: resigned(p, schema_version=5, news=1), "of schema 5, this host knows 4; update the host"),
        (lambda p: resigned(p, schema_version=3), "of schema 3, this host knows 4; train and export again"),
        (lambda p: without(resigned(p, schema_version=3), "model_tensorrt.onnx"), "of schema 3, this host knows 4"),
        (lambda p: {**resigned(p, schema_version=5), "more.onnx": b"x"}, "of schema 5, this host knows 4"),
        (lambda p: resigned(p, size_px=3), "its manifest is wrong at size_px"),
        (lambda p: {**p, "manifest.json": b"[]", "signature": KEY.sign(b"[]")}, "its manifest is not one"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], words: str) -> None:
    pack(path, change(members(path)))
    with pytest.raises(UsageError, match=words) as caught:
        read_bundle(path, TRUSTED)
    assert str(path) in str(caught.value)


def test_development_takes_what_nobody_signed_if_it_is_whole(path: Path) -> None:
    parts = {**members(path), "signature": b""}
    pack(path, parts)
    assert read_bundle(path, None).manifest.name == "test"
    pack(path, {**parts, "model_int8.onnx": b"another graph"})
    with pytest.raises(UsageError, match=r"model_int8\.onnx was changed"):
        read_bundle(path, None)


def test_compressed_members_are_refused(path: Path) -> None:
    """No member may grow when it is read."""
    pack(path, {**members(path), "model_int8.onnx": bytes(1 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UsageError, match="compressed or larger"):
        read_bundle(path, TRUSTED)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_told(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UsageError, match="not a bundle, or truncated"):
        read_bundle(path, TRUSTED)


def test_a_missing_file_lists_the_shipped_bundles() -> None:
    with pytest.raises(UsageError, match=r"no such file.*focus-20x\.wsimodel"):
        find_bundle("mine.wsimodel")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content + b"more",
        lambda content: b"more" + content,
        lambda content: content.replace(bytes([0, 0, 33, 0]), bytes([1, 0, 33, 0]), 1),  # the first member's time
    ],
    ids=["appended", "prepended", "another time"],
)
def test_the_same_in_another_file_is_refused(path: Path, change: Callable[[bytes], bytes]) -> None:
    """All that was signed is there and right, but this is not the file that the maker made."""
    changed = change(path.read_bytes())
    assert changed != path.read_bytes()
    path.write_bytes(changed)
    with pytest.raises(UsageError, match="damaged, or packed by another tool; copy it again"):
        read_bundle(path, TRUSTED)


@pytest.mark.parametrize(
    ("na", "pixel_um", "delta_dof", "words"),
    [
        (0.4, 0.25, 2.0, "made for NA 0.6 to 0.8, the objective has 0.4"),
        (0.75, 0.6, 2.0, "needs pixels of at most"),
        (0.75, 0.25, 3.0, "made for frames 2 DoF apart"),
    ],
)
def test_other_optics_are_refused(path: Path, na: float, pixel_um: float, delta_dof: float, words: str) -> None:
    bundle: Bundle = read_bundle(path, TRUSTED)
    bundle.check_optics(Objective(0.75), 0.25, 2.0)
    with pytest.raises(UsageError, match=words):
        bundle.check_optics(Objective(na), pixel_um, delta_dof)


def test_the_shipped_bundle_is_whole_and_trusted() -> None:
    bundle = read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys())
    bundle.check_optics(Objective(0.75), 0.25, 2.0)
    assert len(bundle.graphs.int8) < 2_500_000
