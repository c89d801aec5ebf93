"""Camera and lamp: frames of the size, exposure and rate that the profile tells, and light where the lamp is on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware_host.camera.port import Camera, Frame
from firmware_host.clock import Clock
from firmware_host.doctor.finding import Finding, green, looked, red, yellow
from firmware_host.gpio.port import GpioPort
from firmware_host.lamp import Lamp
from firmware_host.profile import Profile
from firmware_host.profile_tables import CameraTable

_FRAMES = 10  # whose distances tell the rate
_RATE_TOLERANCE, _EXPOSURE_TOLERANCE = 0.1, 0.05
_DARK, _BRIGHT, _LEAST_LIGHT = 60.0, 254, 20.0  # levels of 255
_MOST_SATURATED = 0.02
_LAMP_NS = 200_000_000  # until its light is steady


def camera_and_lamp(
    open_camera: Callable[[], Camera], gpio: GpioPort | None, clock: Clock, profile: Profile
) -> list[Finding]:
    """Frames without light, then with it; the lamp is off again at the end.

    :param gpio: None where the pins could not be opened: then the lamp is left alone.
    """
    opened: list[Camera] = []
    found = [looked("camera", lambda: _open(open_camera, opened, profile.camera))]
    try:
        if opened:
            found += _frames(opened[0], gpio, clock, profile)
    finally:
        for camera in opened:
            camera.close()
    return found


def exposure(frame: Frame, table: CameraTable) -> Finding:
    """Whether the frame was exposed for as long as the profile asks."""
    took_ms = frame.exposure_ns * 1e-6
    told = f"{took_ms:.2f} ms, asked for {table.exposure_ms:g}"
    if abs(took_ms / table.exposure_ms - 1) <= _EXPOSURE_TOLERANCE:
        return green("exposure", told)
    return red("exposure", told, "set camera.exposure_ms to what the camera can do")


def frame_rate(starts_ns: list[int], table: CameraTable) -> Finding:
    """From when frames began that were asked for one after the other.

    The shortest distance counts: where this machine is slow, frames are passed over.
    """
    period_ms = float(np.diff(starts_ns).min()) * 1e-6
    told = f"a frame every {period_ms:.1f} ms, the profile says {table.frame_period_ms:g}"
    if period_ms <= table.frame_period_ms * (1 + _RATE_TOLERANCE):
        return green("frame rate", told)
    return yellow("frame rate", told, f"set camera.frame_period_ms = {period_ms:.1f}, or choose a quicker mode")


def light(dark: Frame, lit: Frame) -> Finding:
    """Whether the lamp lights the sensor, and neither too little nor too much."""
    before, level = float(dark.image.mean()), float(lit.image.mean())
    saturated = float((lit.image >= _BRIGHT).mean())
    told = f"mean level {level:.0f} of 255 with the lamp, {before:.0f} without; {saturated:.1%} saturated"
    if level - before < _LEAST_LIGHT:
        return red("lamp", told, "check the lamp's wires and lamp.pin, and that nothing covers the objective")
    if saturated > _MOST_SATURATED:
        return yellow("lamp", told, "lower lamp.duty or camera.exposure_ms")
    if level < _DARK:
        return yellow("lamp", told, "raise lamp.duty or camera.exposure_ms, if there is nothing but glass in view")
    if before > level / 4:
        return yellow("lamp", told, "keep other light off the slide")
    return green("lamp", told)


def _open(open_camera: Callable[[], Camera], opened: list[Camera], table: CameraTable) -> Finding:
    opened.append(open_camera())
    height_px, width_px = opened[0].shape
    told = f"opened, frames of {width_px} x {height_px}"
    if (width_px, height_px) == (table.width_px, table.height_px):
        return green("camera", told)
    remedy = "correct camera.width_px and height_px in the profile"
    return red("camera", f"{told}, the profile says {table.width_px} x {table.height_px}", remedy)


def _frames(camera: Camera, gpio: GpioPort | None, clock: Clock, profile: Profile) -> list[Finding]:
    table = profile.camera
    frames: list[Frame] = []

    def take(not_before_ns: int) -> Frame:
        frames.append(camera.expose(not_before_ns, table.timeout_s).read_out())
        return frames[-1]

    def rate() -> Finding:
        if table.trigger:  # as soon as the sensor is ready again, while the frame before is read out
            shots = [camera.expose(clock.now_ns(), table.timeout_s)]
            for _ in range(_FRAMES):
                shots.append(camera.expose(clock.now_ns(), table.timeout_s))
                frames.append(shots.pop(0).read_out())
        else:
            for _ in range(_FRAMES):
                take(frames[-1].exposure_start_ns + 1)
        return frame_rate([frame.exposure_start_ns for frame in frames[-_FRAMES:]], table)

    found = [looked("exposure", lambda: exposure(take(clock.now_ns()), table))]
    if not frames:
        return found
    found.append(looked("frame rate", rate))
    if gpio is not None:
        pins = gpio
        found.append(looked("lamp", lambda: _lit(pins, clock, profile, take)))
    return found


def _lit(gpio: GpioPort, clock: Clock, profile: Profile, take: Callable[[int], Frame]) -> Finding:
    lamp = Lamp(profile.lamp, gpio)
    dark = take(clock.now_ns())
    lamp.on()
    try:
        return light(dark, take(clock.now_ns() + _LAMP_NS))
    finally:
        lamp.off()
