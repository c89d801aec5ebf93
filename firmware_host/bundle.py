"""The bundle: what training and export hand to the device, in one signed file.

A zip without compression: `manifest.json`, the graphs, and `signature`, an Ed25519 signature over the manifest's
bytes. The manifest names the SHA-256 of every graph. Same content and key, same bytes: a file that holds the same in
another way is refused too. Nothing in it is executed, and nothing is unpacked to disk.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.patches import PatchRule
from firmware_host.whole_file import write_whole

SCHEMA_VERSION = 4
FILES = {  # graph -> its name in the file, in order
    "int8": "model_int8.onnx",
    "tensorrt": "model_tensorrt.onnx",
    "fp32": "model_fp32.onnx",
    "calibration": "calibration.onnx",
}
_MANIFEST, _SIGNATURE = "manifest.json", "signature"
_MEMBERS = (_MANIFEST, *FILES.values(), _SIGNATURE)
_UNIX = 3  # the system that a zip names as its maker, wherever it was made
_MAX_BYTES = 64 << 20


class Manifest(BaseModel):
    """What the host must know to use the graphs. Lengths across in lambda/NA, along the axis in depths of field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: int = Field(ge=1)
    name: str = Field(min_length=1, max_length=120)
    size_px: int = Field(ge=16, le=1024)
    sampling: float = Field(gt=0, le=5)
    sampling_tolerance: float = Field(ge=0, le=0.5)
    delta_dof: float = Field(gt=0, le=20)
    delta_tolerance: float = Field(ge=0, le=0.5)
    min_weight: float = Field(ge=0, le=0.5)
    move_range_dof: tuple[float, float]
    na_range: tuple[float, float]
    output_unit: Literal["dof"]
    sign: Literal["z of focus minus z of the second frame, positive = up"]
    metrics: Mapping[str, float]
    sha256: Mapping[str, str]
    tools: Mapping[str, str]


@dataclass(frozen=True)
class Graphs:
    """The ONNX graphs of a bundle, all of one network.

    :param int8: for processors; :param tensorrt: INT8 as TensorRT takes it; :param fp32: before it was quantised.
    :param calibration: from examples to a slide's code; empty where the network cannot be calibrated.
    """

    int8: bytes
    tensorrt: bytes
    fp32: bytes
    calibration: bytes


@dataclass(frozen=True)
class Bundle:
    """A bundle whose signature and hashes have been checked.

    :param sha256: of the whole file.
    """

    manifest: Manifest
    graphs: Graphs
    sha256: str

    @property
    def patch_rule(self) -> PatchRule:
        m = self.manifest
        return PatchRule(m.size_px, m.sampling, m.sampling_tolerance, m.delta_dof, m.min_weight)

    def check_optics(self, optics: Objective, pixel_um: float, delta_dof: float) -> None:
        """:raises UsageError: the bundle was made for other optics, or another distance of the two frames."""
        m = self.manifest
        low, high = m.na_range
        if not low <= optics.na <= high:
            raise UsageError(f"bundle {m.name}: made for NA {low:g} to {high:g}, the objective has {optics.na:g}")
        coarsest_um = 1.6 * m.sampling * optics.lateral_unit_um
        if pixel_um > coarsest_um:
            raise UsageError(
                f"bundle {m.name}: needs pixels of at most {coarsest_um:.3f} um on the slide at NA {optics.na:g}, "
                f"the camera has {pixel_um:g}; use less binning or another objective"
            )
        if abs(delta_dof / m.delta_dof - 1) > m.delta_tolerance:
            raise UsageError(
                f"bundle {m.name}: made for frames {m.delta_dof:g} DoF apart, focus.delta_dof is {delta_dof:g}"
            )


def find_bundle(name_or_path: str) -> Path:
    """The path of a bundle: a shipped one by its file name, or the path itself.

    :raises UsageError: there is no such file.
    """
    shipped = Path(str(resources.files("firmware_host") / "models"))
    for path in (Path(name_or_path), shipped / name_or_path):
        if path.is_file() and (path.parent == shipped or "/" in name_or_path or path.parent == Path()):
            return path
    known = ", ".join(sorted(path.name for path in shipped.glob("*.wsimodel"))) or "none"
    raise UsageError(f"bundle {name_or_path}: no such file, and not among the shipped ones ({known})")


def read_bundle(path: Path, trusted: Iterable[Ed25519PublicKey] | None) -> Bundle:
    """Read and check a bundle.

    :param trusted: as for `check_bundle`.
    :raises UsageError: missing or too large, or as `check_bundle` says.
    """
    where = f"bundle {path}"
    try:
        if path.stat().st_size > 2 * _MAX_BYTES:
            raise UsageError(f"{where}: larger than {2 * _MAX_BYTES >> 20} MB; not a bundle")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{where}: cannot be read: {error.strerror}") from error
    return check_bundle(content, where, trusted)


def check_bundle(content: bytes, where: str, trusted: Iterable[Ed25519PublicKey] | None) -> Bundle:
    """The bundle that these bytes hold.

    :param where: how messages begin; :param trusted: one of these must have signed it. None: development, whoever
        signed it, if anybody did.
    :raises UsageError: truncated, with missing or unexpected members, unsigned, signed by an unknown key, changed, or
        of another schema; the message says which.
    """
    members = _unpack(content, where)
    signature = members[_SIGNATURE]
    if trusted is not None and not signature:
        raise UsageError(f"{where}: it is not signed; sign it with wsi-export bundle")
    if trusted is not None and not any(_signed_by(key, signature, members[_MANIFEST]) for key in trusted):
        raise UsageError(
            f"{where}: signed by an unknown key, or its manifest was changed; get it from its maker again, or trust "
            "the maker's key (wsi-host keys add)"
        )
    manifest = _manifest(members[_MANIFEST], where)
    for name in FILES.values():
        if hashlib.sha256(members[name]).hexdigest() != manifest.sha256.get(name):
            raise UsageError(f"{where}: {name} was changed after signing; get it from its maker again")
    graphs = Graphs(**{graph: members[name] for graph, name in FILES.items()})
    return Bundle(manifest, graphs, hashlib.sha256(content).hexdigest())


def write_bundle(path: Path, manifest: Manifest, graphs: Graphs, key: Ed25519PrivateKey) -> None:
    """Sign and write a bundle whole. The hashes in the manifest are set here."""
    members = {name: getattr(graphs, graph) for graph, name in FILES.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    text = manifest.model_copy(update={"sha256": hashes}).model_dump_json(indent=1).encode()
    write_whole(path, _packed({_MANIFEST: text, **members, _SIGNATURE: key.sign(text)}))


def _packed(members: Mapping[str, bytes]) -> bytes:
    """The one file that holds these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in _MEMBERS:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = _UNIX, 0o644 << 16
            archive.writestr(entry, members[name])
    return stream.getvalue()


def _unpack(content: bytes, where: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if sorted(names) != sorted(_MEMBERS):
                missing = ", ".join(sorted(set(_MEMBERS) - set(names))) or "none"
                extra = ", ".join(repr(name) for name in sorted(set(names) - set(_MEMBERS))) or "none or twice"
                for entry in entries:  # one of another schema may hold other members
                    if entry.filename == _MANIFEST and _is_plain(entry):
                        _check_schema(archive.read(entry), where)
                raise UsageError(f"{where}: not a whole bundle (missing: {missing}; unexpected: {extra})")
            for entry in entries:
                if not _is_plain(entry):
                    raise UsageError(f"{where}: {entry.filename} is compressed or larger than {_MAX_BYTES >> 20} MB")
            members = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError, RuntimeError) as error:
        raise UsageError(f"{where}: not a bundle, or truncated: {error}; copy it again") from error
    if _packed(members) != content:
        raise UsageError(f"{where}: damaged, or packed by another tool; copy it again")
    return members


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    return entry.file_size <= _MAX_BYTES and entry.compress_type == zipfile.ZIP_STORED


def _signed_by(key: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _manifest(text: bytes, where: str) -> Manifest:
    _check_schema(text, where)
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: its manifest is wrong at {key}: {first['msg']}") from error


def _check_schema(text: bytes, where: str) -> None:
    try:
        version = json.loads(text)["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{where}: its manifest is not one: {error}") from error
    if isinstance(version, int) and version != SCHEMA_VERSION:
        remedy = "update the host" if version > SCHEMA_VERSION else "train and export again"
        raise UsageError(f"{where}: of schema {version}, this host knows {SCHEMA_VERSION}; {remedy}")
