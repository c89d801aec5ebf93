"""The suites by name. Each is a file of its own, with a function that measures and returns rows.

A suite is given the machine it runs on. On an emulated one those that scan have scanners of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.accuracy import accuracy
from benchmarks.calibrate import calibrate
from benchmarks.faults import faults
from benchmarks.focus import focus
from benchmarks.gpio import gpio
from benchmarks.inference import inference, inference_ways
from benchmarks.kills import cuts, kills
from benchmarks.large import large
from benchmarks.loader import loader
from benchmarks.machine import Machine
from benchmarks.measure import Row
from benchmarks.networks import networks
from benchmarks.preprocess import preprocess, preprocess_ways
from benchmarks.pulses import pulses
from benchmarks.quality import quality
from benchmarks.render import render
from benchmarks.runtime import runtime
from benchmarks.safety import safety
from benchmarks.scan import scan
from firmware_host.profile import Profile

Suite = Callable[[Machine], list[Row]]

GATED: dict[str, Suite] = {
    "inference": inference,
    "preprocess": preprocess,
    "gpio": gpio,
    "focus": focus,
    "scan": scan,
    "accuracy": accuracy,
}
"""Those that run where none is named, in CI too."""

SUITES: dict[str, Suite] = {
    **GATED,
    "runtime": runtime,
    "networks": networks,
    "render": render,
    "large": large,
    "loader": loader,
    "calibrate": calibrate,
    "safety": safety,
    "pulses": pulses,
    "quality": quality,
    "faults": faults,
    "kills": kills,
    "cuts": cuts,
}

WAYS: dict[str, Callable[[Profile], Mapping[str, Callable[[], object]]]] = {
    "inference": inference_ways,
    "preprocess": preprocess_ways,
}
"""What can be compared call by call with another checkout, by suite: short pieces of work by name."""
