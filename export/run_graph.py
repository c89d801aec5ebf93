"""Answers questions to a graph, one after the other, for another process; needs NumPy and ONNX Runtime, nothing else.

    python run_graph.py GRAPH OPTIMISED

It loads GRAPH, writes it to OPTIMISED as it is run here, and then reads questions from its standard input and writes
answers to its standard output, each an .npz file behind its length, 8 bytes.
"""

from __future__ import annotations

import io
import sys

import numpy as np
import onnxruntime


def main(graph: str, optimised: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.optimized_model_filepath = optimised
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    shapes = {each.name: each.shape for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    while length := sys.stdin.buffer.read(8):
        question = np.load(io.BytesIO(sys.stdin.buffer.read(int.from_bytes(length, "big"))), allow_pickle=False)
        feed = {name: question[name] for name in shapes}
        if "code" in feed:  # what it does not reach to is unknown
            feed["code"] = np.pad(feed["code"], (0, shapes["code"][0] - len(feed["code"])))
        answer = io.BytesIO()
        np.savez(answer, **dict(zip(names, session.run(None, feed), strict=True)))
        sys.stdout.buffer.write(answer.tell().to_bytes(8, "big") + answer.getvalue())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
