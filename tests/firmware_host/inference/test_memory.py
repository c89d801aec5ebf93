"""A scan of thousands of fields needs no more memory than one of a few."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Of a process of its own, in kB; fields have as many patches as they happen to have.
GROWTH = """
import sys
import numpy as np
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.port import NOTHING_KNOWN
def held():
    return int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0])
model = OrtPatchModel(getattr(read_bundle(find_bundle("focus-20x.wsimodel"), None).graphs, sys.argv[1]), 128)
frames = np.zeros((2, 16, 128, 128, 3), np.uint8)
def fields(count):
    for field in range(count):
        patches = 16 if field % 3 else 1 + field % 16
        model.predict(frames[0][:patches], frames[1][:patches], NOTHING_KNOWN)
fields(60)
warm = held()
fields(150)
print(held() - warm)
"""
MOST_KB = 150  # of one patch's pixels in each field it would be 7200


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("graph", ["int8", "fp32"])
def test_memory_does_not_grow_from_field_to_field(graph: str) -> None:
    grown = subprocess.run([sys.executable, "-c", GROWTH, graph], capture_output=True, check=True, text=True)
    assert int(grown.stdout) <= MOST_KB
