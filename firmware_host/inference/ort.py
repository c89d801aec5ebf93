"""The network in ONNX Runtime on the processor. The only module that imports onnxruntime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_host.errors import HardwareError, UsageError


class OrtPatchModel:
    """A PatchModel from the bytes of an ONNX graph.

    :param threads: of one inference. One is quickest for the small graphs here, and leaves the others to the scan.
    :raises UsageError: the graph cannot be loaded.
    """

    def __init__(self, graph: bytes, size_px: int, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A pool that spins while it waits would take the core that the pulses need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own, undocumented kinds
            reason = str(error).splitlines()[0]
            raise UsageError(f"bundle: its graph cannot be loaded: {reason}; export it again") from error
        blank = np.zeros((1, size_px, size_px, 3), np.uint8)
        self.predict(blank, blank)

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        try:
            moves, weights = self._session.run(["move_dof", "weight"], {"first": first, "second": second})
        except Exception as error:  # see above
            raise HardwareError(f"inference failed: {str(error).splitlines()[0]}") from error
        if not (np.isfinite(moves).all() and np.isfinite(weights).all()):
            raise HardwareError("inference: the network's answer is not a number; verify the bundle")
        return moves, weights
