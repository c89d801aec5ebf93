"""Faults of the lamp, behind its pin: the host drives it as ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from firmware_host.twin.emulation import Emulation
from firmware_host.twin.faults.fault import Chronicle, in_force
from firmware_host.twin.faults.kinds import LampDims, LampFlickers, LightFault


def strike(emulation: Emulation, faults: Sequence[LightFault], chronicle: Chronicle) -> None:
    """A fault is booked at every frame that it takes light from."""
    for number, fault in enumerate(faults):
        emulation.shades.append(
            _shade(emulation, fault, chronicle, np.random.default_rng([chronicle.seed, 37, number]))
        )


def _shade(
    emulation: Emulation, fault: LightFault, chronicle: Chronicle, rng: np.random.Generator
) -> Callable[[], float]:
    def share() -> float:
        if not in_force(fault, chronicle, emulation.clock.now_ns()):
            return 1.0
        chronicle.note(fault)
        match fault:
            case LampDims(share=left):
                return left
            case LampFlickers(share=missing):
                return 1.0 - missing * float(rng.random())
        return 0.0

    return share
