"""An emulated scanner to which things happen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from firmware_host.camera.port import Frame
from firmware_host.cancel import CancelToken
from firmware_host.errors import UsageError
from firmware_host.hardware import Scanner, open_scanner, over_emulation
from firmware_host.profile import Profile
from firmware_host.twin.emulation import Emulation
from firmware_host.twin.faults import disk, light, machine, motion, slide
from firmware_host.twin.faults.camera import FaultyCamera
from firmware_host.twin.faults.fault import Chronicle, FaultPlan
from firmware_host.twin.faults.kinds import (
    CameraFault,
    ClockJump,
    DiskFault,
    DiskSlow,
    InferenceFault,
    LightFault,
    MemoryLow,
)


def open_with_faults(
    profile: Profile, seed: int, slide_image: Path | None, cancel: CancelToken, real_time: bool, plan: FaultPlan
) -> Scanner:
    """As `hardware.open_scanner`, with the faults of a plan, in which what struck is booked.

    :raises UsageError: the profile is not an emulated one, or a fault needs the virtual clock and `real_time` is asked.
    :raises HardwareError: as `open_scanner`.
    """
    if profile.hardware.camera != "emulated":
        raise UsageError(f"profile {profile.name}: faults strike an emulated scanner only; leave --faults out")
    if not real_time:
        emulation = Emulation(profile, seed, slide_image)
        chronicle = Chronicle(plan, emulation.clock)
        _strike_within(emulation, profile, plan, chronicle)
        return _struck_outside(over_emulation(profile, emulation, cancel), plan, chronicle)
    for fault in plan.faults:
        if not fault.in_real_time:
            raise UsageError(f"faults: {fault.kind} needs the virtual clock; leave --real-time out")
    scanner = open_scanner(profile, seed, slide_image, cancel, real_time)
    return _struck_outside(scanner, plan, Chronicle(plan, scanner.clock))


def _strike_within(emulation: Emulation, profile: Profile, plan: FaultPlan, chronicle: Chronicle) -> None:
    """Behind the pins, behind the lens, and in the clock."""
    faults = plan.faults
    slide.strike(emulation, profile, [each for each in faults if each.area == "slide"], chronicle)
    light.strike(emulation, [each for each in faults if isinstance(each, LightFault)], chronicle)
    motion.strike(emulation, [each for each in faults if each.area == "motion"], chronicle)
    machine.strike(emulation, [each for each in faults if isinstance(each, ClockJump)], chronicle)
    disk.slow_down(emulation, [each for each in faults if isinstance(each, DiskSlow)], chronicle)


def _struck_outside(scanner: Scanner, plan: FaultPlan, chronicle: Chronicle) -> Scanner:
    """Where the scanner meets the host: camera, disk, sensors and network."""
    clock, faults = scanner.clock, plan.faults
    camera = FaultyCamera(
        scanner.camera,
        [each for each in faults if isinstance(each, CameraFault)],
        chronicle,
        clock,
        scanner.profile.camera.timeout_s,
    )
    memory = [each for each in faults if isinstance(each, MemoryLow)]
    inferences = machine.Inferences([each for each in faults if isinstance(each, InferenceFault)], chronicle, clock)
    return dataclasses.replace(
        scanner,
        camera=camera,
        disk=disk.FaultyDisk(scanner.disk, [each for each in faults if isinstance(each, DiskFault)], chronicle, clock),
        sensors=machine.FaultySensors(scanner.sensors, memory, chronicle, clock),
        network=inferences.through,
        truth=_truth_of(camera, scanner.truth),
    )


def _truth_of(
    camera: FaultyCamera, truth: Callable[[Frame], float | None] | None
) -> Callable[[Frame], float | None] | None:
    """Of what is to be seen in a frame, whatever its time stamp says."""
    return None if truth is None else lambda frame: truth(camera.shown(frame))
