"""A graph in another process answers as it does here, and whatever ends that process is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export import aarch64
from export.aarch64 import EmulatedModel, on_aarch64
from export.fusion import fusion
from firmware_host.bundle import Graphs, find_bundle, read_bundle
from firmware_host.errors import ScannerError, UsageError
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.selftest import made_up_patches
from firmware_host.trust import trusted_keys

CODE = np.array([0.2, -0.1, 0.4], np.float32)  # the rest of it is unknown


@pytest.fixture(scope="module")
def graphs() -> Graphs:
    return read_bundle(find_bundle("focus-20x.wsimodel"), trusted_keys()).graphs


@pytest.fixture
def model(graphs: Graphs, tmp_path: Path) -> Iterator[EmulatedModel]:
    """This machine's Python in place of the emulated one."""
    made = EmulatedModel(graphs.int8, [sys.executable], tmp_path)
    yield made
    made.close()


def test_answers_are_those_of_the_graph_and_so_is_what_was_fused(model: EmulatedModel, graphs: Graphs) -> None:
    here = OrtPatchModel(graphs.int8, 128)
    for count in (1, 5):
        frames = made_up_patches(count, 128)
        for answer, expected in zip(model.predict(*frames, CODE), here.predict(*frames, CODE), strict=True):
            np.testing.assert_array_equal(answer, expected)
    assert fusion(graphs.int8, model.optimised()).fused["Conv"] == 52


def test_a_graph_that_cannot_be_loaded_there_is_told_in_its_words(tmp_path: Path) -> None:
    model = EmulatedModel(b"no graph", [sys.executable], tmp_path)
    with pytest.raises(ScannerError, match=r"emulated processor: .*(INVALID_PROTOBUF|Protobuf parsing failed)"):
        model.predict(*made_up_patches(1, 128), CODE)


@pytest.mark.parametrize("script", ["raise SystemExit", "print('what?', flush=True); input()", "1 / 0"])
def test_a_process_that_does_not_answer_is_told(tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "script.py").write_text(script)
    monkeypatch.setattr(aarch64, "_SCRIPT", tmp_path / "script.py")
    model = EmulatedModel(b"", [sys.executable], tmp_path)
    with pytest.raises(ScannerError, match="emulated processor: "):
        model.predict(*made_up_patches(1, 128), CODE)


def test_a_process_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "script.py").write_text("import sys; sys.stdin.buffer.read()")
    monkeypatch.setattr(aarch64, "_SCRIPT", tmp_path / "script.py")
    monkeypatch.setattr(aarch64, "_WAIT_S", 0.0)
    model = EmulatedModel(b"", [sys.executable], tmp_path)
    with pytest.raises(ScannerError, match="emulated processor: "):
        model.predict(*made_up_patches(1, 128), CODE)


def test_what_is_missing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(UsageError, match=r"no Python there; make the folder with: sh export/aarch64\.sh"),
        on_aarch64(b"", tmp_path),
    ):
        pass
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/python3").touch()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="qemu-user is missing"), on_aarch64(b"", tmp_path):
        pass
