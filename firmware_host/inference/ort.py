"""The network in ONNX Runtime on the processor. The only module that imports onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import HardwareError, UsageError
from firmware_host.inference.port import NOTHING_KNOWN, check_patches, completed


class OrtPatchModel:
    """A PatchModel from the bytes of an ONNX graph.

    :param threads: of one inference. One is quickest for the small graphs here, and leaves the others to the scan.
    :raises UsageError: the graph cannot be loaded.
    """

    def __init__(self, graph: bytes, size_px: int, threads: int = 1) -> None:
        self._session = _Session(graph, threads)
        self._code_size = self._session.inputs.get("code", 0)
        self._size_px = size_px
        blank = np.zeros((1, size_px, size_px, 3), np.uint8)
        self.predict(blank, blank, NOTHING_KNOWN)

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        check_patches(first, second, self._size_px)
        feed: dict[str, NDArray[Any]] = {"first": first, "second": second}
        if self._code_size:
            feed["code"] = completed(code, self._code_size)
        moves, weights = self._session.run(["move_dof", "weight"], feed)
        return moves, weights


class OrtCalibrator:
    """A Calibrator from the bytes of an ONNX graph.

    :raises UsageError: the graph cannot be loaded.
    """

    def __init__(self, graph: bytes, threads: int = 1) -> None:
        # Asked a few times, each time of some hundred patches: an arena would keep for ever what these took.
        self._session = _Session(graph, threads, keeps_memory=False)

    def calibrate(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], move_dof: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        (code,) = self._session.run(["code"], {"first": first, "second": second, "move_dof": move_dof})
        return code


class _Session:
    """A graph, loaded. `inputs` names each of its inputs, with the length of its first axis where that is fixed.

    :param keeps_memory: from one run to the next, which is quicker.
    """

    def __init__(self, graph: bytes, threads: int, keeps_memory: bool = True) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A pool that spins while it waits would take the core that the pulses need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = options.enable_mem_pattern = keeps_memory
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own, undocumented kinds
            reason = str(error).splitlines()[0]
            raise UsageError(f"bundle: its graph cannot be loaded: {reason}; export it again") from error
        lengths = {each.name: each.shape[0] for each in self._session.get_inputs()}
        self.inputs = {name: length for name, length in lengths.items() if isinstance(length, int)}

    def run(self, outputs: list[str], feed: dict[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """:raises HardwareError: the runtime failed, or an answer is not finite."""
        try:
            answers: list[NDArray[np.float32]] = self._session.run(outputs, feed)
        except Exception as error:  # see above
            raise HardwareError(f"inference failed: {str(error).splitlines()[0]}") from error
        if not all(np.isfinite(answer).all() for answer in answers):
            raise HardwareError("inference: the network's answer is not a number; verify the bundle")
        return answers
