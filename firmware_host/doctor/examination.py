"""The whole preflight, in the order in which things depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_host.bundle import Bundle
from firmware_host.cancel import CancelToken
from firmware_host.doctor.computer import computer
from firmware_host.doctor.finding import Finding, green, looked
from firmware_host.doctor.model import model
from firmware_host.doctor.pictures import camera_and_lamp
from firmware_host.doctor.pins import inputs_of, pins
from firmware_host.doctor.rig import Rig, rig_of
from firmware_host.doctor.switches import Asker, no_stop, not_pressed, switches
from firmware_host.gpio.port import GpioPort
from firmware_host.health.machine import Machine
from firmware_host.profile import Profile


@dataclass(frozen=True)
class Examination:
    """What is asked about.

    :param profile: None: only the computer and the model. :param out: folder that scans go to.
    :param press: whether somebody is there to press the switches; on the twin they are pressed in any case.
    :param say: tells that person what to press.
    """

    profile: Profile | None
    open_bundle: Callable[[], Bundle]
    patches: int
    tensorrt: bool
    out: Path
    press: bool
    say: Callable[[str], None]


def examine(asked: Examination, machine: Machine, cancel: CancelToken) -> Iterator[Finding]:
    """The findings, as they are made. :raises Cancelled: asked to stop.

    The pins are left as they were set: outputs that are off. As inputs they would float, and most drivers take that for
    "on".
    """
    yield from computer(machine, asked.profile, asked.out)
    if asked.profile is not None:
        yield from _scanner(asked, asked.profile, cancel)
    cancel.check()
    yield from model(asked.open_bundle, asked.profile, asked.patches, asked.tensorrt)


def verdict(findings: Sequence[Finding]) -> str:
    """One line that says how it went."""
    count = {state: sum(finding.state == state for finding in findings) for state in ("green", "yellow", "red")}
    return f"{count['green']} green, {count['yellow']} to look at, {count['red']} to mend"


def _scanner(asked: Examination, profile: Profile, cancel: CancelToken) -> Iterator[Finding]:
    rigs: list[Rig] = []
    ports: list[GpioPort] = []

    def open_pins() -> Finding:
        rigs.append(rig_of(profile))
        ports.append(rigs[0].open_pins())
        return green("GPIO", f"{profile.hardware.gpio} takes the pins of this board")

    yield looked("GPIO", open_pins)
    if not rigs:
        return
    (rig,) = rigs
    gpio = ports[0] if ports else None
    if gpio is not None:
        yield from pins(gpio, rig.clock, profile)
        yield from _switches(asked, rig, gpio, cancel)
    cancel.check()
    yield from camera_and_lamp(rig.open_camera, gpio, rig.clock, profile)


def _switches(asked: Examination, rig: Rig, gpio: GpioPort, cancel: CancelToken) -> list[Finding]:
    inputs = inputs_of(rig.profile)
    if rig.hand is None and not asked.press:
        return no_stop(rig.profile) + not_pressed(inputs)
    return no_stop(rig.profile) + switches(gpio, rig.clock, cancel, inputs, Asker(asked.say, rig.hand))
