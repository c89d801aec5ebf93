"""A graph on an emulated aarch64: qemu-user runs ONNX Runtime as it is on a Raspberry Pi or a Jetson.

It tells what the graph answers there, and what was fused there. It does not tell how long that takes.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import ScannerError, UsageError

_QEMU = ("qemu-aarch64-static", "qemu-aarch64")
_PROCESSOR = "cortex-a72"
_SCRIPT = Path(__file__).with_name("run_graph.py")
_WAIT_S = 300.0
_MAX_BYTES = 64 << 20


class EmulatedModel:
    """A `PatchModel` in a process of its own, that of another processor.

    :param command: starts Python on that processor; the script and its arguments are added.
    """

    def __init__(self, graph: bytes, command: list[str], folder: Path) -> None:
        source, self._optimised = folder / "graph.onnx", folder / "optimised.onnx"
        source.write_bytes(graph)
        self._process = subprocess.Popen(
            [*command, str(_SCRIPT), str(source), str(self._optimised)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `firmware_host.inference.port.PatchModel`.

        :raises ScannerError: the process ended, or gave no answer in five minutes.
        """
        question = io.BytesIO()
        np.savez(question, first=first, second=second, code=code)
        overdue = threading.Timer(_WAIT_S, self._process.kill)
        overdue.start()
        try:
            to, back = self._pipes()
            to.write(question.tell().to_bytes(8, "big") + question.getvalue())
            to.flush()
            length = int.from_bytes(back.read(8), "big")
            if not 0 < length <= _MAX_BYTES:
                raise ScannerError(f"emulated processor: no answer; {self._last_words()}")
            answer = np.load(io.BytesIO(back.read(length)), allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ScannerError(f"emulated processor: {error}; {self._last_words()}") from error
        finally:
            overdue.cancel()
        return answer["move_dof"], answer["weight"]

    def optimised(self) -> bytes:
        """The graph as that processor runs it; after the first answer."""
        return self._optimised.read_bytes()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _last_words(self) -> str:
        self._process.kill()
        _, said = self._process.communicate()
        lines = said.decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")


@contextlib.contextmanager
def on_aarch64(graph: bytes, root: Path) -> Iterator[EmulatedModel]:
    """The graph's model on aarch64, for as long as the context lasts.

    :param root: folder that `export/aarch64.sh` made.
    :raises UsageError: there is no such folder, or no qemu-user.
    """
    python = root / "usr/bin/python3"
    if not python.exists():
        raise UsageError(f"aarch64 {root}: no Python there; make the folder with: sh export/aarch64.sh {root}")
    qemu = next(filter(None, map(shutil.which, _QEMU)), None)
    if qemu is None:
        raise UsageError("aarch64: qemu-user is missing; install qemu-user-static")
    with tempfile.TemporaryDirectory() as scratch:
        model = EmulatedModel(graph, [qemu, "-cpu", _PROCESSOR, "-L", str(root), str(python)], Path(scratch))
        try:
            yield model
        finally:
            model.close()
