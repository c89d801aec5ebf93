"""A hundred thousand files that are almost a bundle: none crashes the host, none is taken, nothing is written."""

from __future__ import annotations

import io
import json
import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from manifests import MANIFEST

from firmware_host.bundle import Graphs, check_bundle, write_bundle
from firmware_host.errors import UsageError

COUNT = 100_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
EDGES = [value.to_bytes(4, "little") for value in (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)]
NAMES = ["../../evil", "/etc/passwd", "model_int8.onnx", "manifest.json/", "C:\\evil", "\u0000", "\udcff", "a" * 300]
PACKINGS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Two bundles of one maker."""
    folder = tmp_path_factory.mktemp("bundles")
    made = []
    for number, graph in enumerate((b"one graph" * 20, b"another" * 30)):
        path = folder / f"{number}.wsimodel"
        graphs = Graphs(graph, graph[1:], graph[::-1], graph * 2)
        write_bundle(path, MANIFEST.model_copy(update={"name": f"number {number}"}), graphs, KEY)
        made.append(path.read_bytes())
    return made


def members(content: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def packed(parts: list[tuple[str, bytes]], packing: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in parts:
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, packing)
    return stream.getvalue()


def flipped(content: bytes, _: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwritten(content: bytes, _: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    run = rng.choice([*EDGES, rng.randbytes(rng.randint(1, 64)), bytes(rng.randint(1, 64))])
    return content[:at] + run + content[at + len(run) :]


def cut(content: bytes, _: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:start] + content[end:]


def longer(content: bytes, other: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    start, end = sorted(rng.randrange(len(other) + 1) for _ in range(2))
    return content[:at] + rng.choice([other[start:end], content[start:end], rng.randbytes(30)]) + content[at:]


def truncated(content: bytes, _: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def spliced(content: bytes, other: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))] + other[rng.randrange(len(other)) :]


def mixed(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """Members of both bundles, each rightly signed in its own."""
    return packed([rng.choice(pair) for pair in zip(members(content), members(other), strict=True)])


def repacked(content: bytes, _: bytes, rng: random.Random) -> bytes:
    """All that was signed, in another order, compressed, doubled, or under other names."""
    parts = members(content)
    how = rng.randrange(4)
    if how == 0:
        rng.shuffle(parts)
    elif how == 1:
        return packed(parts, rng.choice(PACKINGS))
    elif how == 2:
        parts.insert(rng.randrange(len(parts)), (rng.choice(NAMES), bytes(rng.randrange(2000))))
    else:
        at = rng.randrange(len(parts))
        parts[at] = (rng.choice(NAMES), parts[at][1])
    try:
        return packed(parts)
    except UnicodeEncodeError:
        return b""


def retold(content: bytes, _: bytes, rng: random.Random) -> bytes:
    """Another manifest, signed by a stranger, by nobody, or with the signature of the old one."""
    parts = dict(members(content))
    manifest: dict[str, Any] = json.loads(parts["manifest.json"])
    values = [None, -1, 0, 4, 1e308, "x" * 500, [], {}, True, 10**40]
    manifest[rng.choice(sorted(manifest))] = rng.choice(values)
    text = json.dumps(manifest).encode()
    signature = rng.choice([STRANGER.sign(text), b"", bytes(64), parts["signature"], parts["signature"][:-1]])
    return packed(list({**parts, "manifest.json": text, "signature": signature}.items()))


MUTATIONS: list[Callable[[bytes, bytes, random.Random], bytes]] = [
    flipped,
    overwritten,
    cut,
    longer,
    truncated,
    spliced,
    mixed,
    repacked,
    retold,
]


@contextmanager
def nothing_is_written() -> Iterator[None]:
    """Fails when anything is opened to write, made, moved or removed meanwhile."""
    watching, seen = True, []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching:
            return
        opens = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if opens or event in {"os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "os.rmdir", "os.truncate"}:
            seen.append((event, arguments))

    sys.addaudithook(hook)
    try:
        yield
    finally:
        watching = False
    assert not seen


def test_the_guard_sees_what_is_written(tmp_path: Path) -> None:
    with pytest.raises(AssertionError), nothing_is_written():
        (tmp_path / "x").write_bytes(b"x")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_mutated_bundle_is_taken(bundles: list[bytes]) -> None:
    rng = random.Random(4)
    trusted = [KEY.public_key()]
    for content in bundles:
        check_bundle(content, "bundle b", trusted)
    refused = 0
    with nothing_is_written():
        while refused < COUNT:
            content, other = rng.sample(bundles, 2)
            changed = rng.choice(MUTATIONS)(content, other, rng)
            if rng.random() < 0.2:
                changed = rng.choice(MUTATIONS[:6])(changed or content, other, rng)
            if changed in bundles:
                continue
            with pytest.raises(UsageError, match=r"^bundle b: .") as caught:
                check_bundle(changed, "bundle b", trusted)
            assert "\n" not in str(caught.value)
            refused += 1
