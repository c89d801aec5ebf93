"""The place that reads the profile and opens the scanner it describes. Nothing else knows whether it is real."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_host.camera.choice import open_camera, open_replay
from firmware_host.camera.port import Camera, Frame
from firmware_host.cancel import CancelToken
from firmware_host.clock import Clock, MonotonicClock
from firmware_host.disk import Disk, LocalDisk
from firmware_host.errors import HardwareError, warn
from firmware_host.gpio.rpi_gpio import RpiGpio
from firmware_host.health.machine import Machine
from firmware_host.health.sensors import BoardSensors, NoSensors, Sensors
from firmware_host.inference.port import PatchModel
from firmware_host.lamp import Lamp, Light
from firmware_host.motion.port import StagePort
from firmware_host.motion.stage import Stage
from firmware_host.profile import Profile
from firmware_host.realtime.host import PinsProcess, RemoteLamp, RemoteStage
from firmware_host.realtime.pins import EMULATED, REAL

if TYPE_CHECKING:
    from firmware_host.twin.emulation import Emulation


def _as_it_is(model: PatchModel) -> PatchModel:
    return model


@dataclass(frozen=True)
class Scanner:
    """An open scanner.

    :param off: switches motors and lamp off, for good; safe to call twice.
    :param sensors: of the machine that serves it; those of an emulated one tell nothing.
    :param disk: where scans are kept.
    :param network: what stands between the network and whoever asks it; on hardware nothing.
    :param truth: on the twin, the true focus error of a frame in um (None: nothing to focus on); on hardware there
        is none. For reports only: nothing that moves may look at it.
    """

    profile: Profile
    clock: Clock
    camera: Camera
    stage: StagePort
    lamp: Light
    off: Callable[[], None]
    cancel: CancelToken
    sensors: Sensors
    truth: Callable[[Frame], float | None] | None
    disk: Disk = field(default_factory=LocalDisk)
    network: Callable[[PatchModel], PatchModel] = _as_it_is

    def close(self) -> None:
        """The one way out: pulses end, drivers and lamp off, the camera given back. Safe to call twice.

        The pins are left as they are then. As inputs they would float, and most drivers take that for "on".
        """
        with ExitStack() as everything:  # each of them, whatever the others raise
            everything.callback(self.camera.close)
            everything.callback(self.off)


def open_scanner(
    profile: Profile, seed: int, slide: Path | None, cancel: CancelToken, real_time: bool = False
) -> Scanner:
    """Open the scanner that the profile describes; everything is off and nothing has moved.

    :param seed, slide: of the emulated slide; not used on hardware.
    :param real_time: an emulated scanner on this machine's clock, its pins in their own process as on hardware; else
        on a virtual clock.
    :raises HardwareError: a driver is missing or does not answer. :raises UsageError: the profile's `camera.source`
        or the slide cannot be used.
    """
    if not profile.hardware.is_emulated:
        return _real(profile, cancel)
    if profile.hardware.camera == "replay":
        return _replaying(profile, seed, cancel, real_time)
    try:
        from firmware_host.twin import emulation, pins
    except ImportError as error:
        raise HardwareError(f"the emulated scanner needs {error.name}: pip install 'wsi-scanner[twin]'") from error
    if not real_time:
        return over_emulation(profile, emulation.Emulation(profile, seed, slide), cancel)
    clock = MonotonicClock()
    process = PinsProcess(profile, cancel, EMULATED, warn)
    machine = pins.RemoteMachine(process)
    try:
        view = emulation.EmulatedView(profile, seed, slide, clock, machine.position_um, machine.lamp)
    except BaseException:
        process.close()
        raise
    return _remote(profile, clock, process, view.camera, cancel, NoSensors(), view.focus_error_um)


def _real(profile: Profile, cancel: CancelToken) -> Scanner:
    """Pins first, so that the motors are off while everything else starts."""
    clock = MonotonicClock()
    pins = PinsProcess(profile, cancel, REAL, warn)
    try:
        camera = open_camera(profile.hardware, profile.camera, clock)
    except BaseException:
        pins.close()
        raise
    return _remote(profile, clock, pins, camera, cancel, BoardSensors(Machine()), None)


def _remote(
    profile: Profile,
    clock: Clock,
    pins: PinsProcess,
    camera: Camera,
    cancel: CancelToken,
    sensors: Sensors,
    truth: Callable[[Frame], float | None] | None,
) -> Scanner:
    stage, lamp = RemoteStage(pins, profile, clock), RemoteLamp(pins)
    return Scanner(profile, clock, camera, stage, lamp, pins.close, cancel, sensors, truth)


def over_emulation(profile: Profile, emulation: Emulation, cancel: CancelToken) -> Scanner:
    """The scanner over an emulation that is there already, all in this process, on its virtual clock."""
    gpio = RpiGpio(emulation.board)
    stage = Stage(profile, gpio, emulation.clock, cancel)
    lamp = Lamp(profile.lamp, gpio)

    def off() -> None:
        with ExitStack() as both:
            both.callback(lamp.off)
            both.callback(stage.shutdown)

    return Scanner(
        profile=profile,
        clock=emulation.clock,
        camera=emulation.camera,
        stage=stage,
        lamp=lamp,
        off=off,
        cancel=cancel,
        sensors=NoSensors(),
        truth=emulation.focus_error_um,
    )


def _replaying(profile: Profile, seed: int, cancel: CancelToken, real_time: bool) -> Scanner:
    """An emulated scanner whose camera shows recordings."""
    hardware = profile.hardware.model_copy(update={"camera": "emulated"})
    scanner = open_scanner(profile.model_copy(update={"hardware": hardware}), seed, None, cancel, real_time)
    stage = scanner.stage
    try:
        camera = open_replay(profile, scanner.clock, lambda: (stage.x_um, stage.y_um, stage.z_um))
    except BaseException:
        scanner.close()
        raise
    return replace(scanner, profile=profile, camera=camera, truth=camera.focus_error_um)
