"""A scanner with real drivers, opened and closed: motors and lamp are off whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
from edge_pipe import PROFILE, Edges

from firmware_host import hardware
from firmware_host.cancel import CancelToken
from firmware_host.errors import HardwareError
from firmware_host.profile import Profile


class StubCamera:
    """Only ever closed."""

    fault: Exception | None = None

    def close(self) -> None:
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch, edges: Edges) -> StubCamera:
    stub = StubCamera()
    monkeypatch.setattr(hardware, "REAL", "recorded_pins:open_pins")
    monkeypatch.setattr(hardware, "open_camera", lambda *_: stub)
    return stub


@pytest.fixture
def profile() -> Profile:
    table = PROFILE.hardware.model_copy(update={"gpio": "rpi_gpio", "camera": "picamera2"})
    return PROFILE.model_copy(update={"hardware": table})


def test_it_opens_with_everything_off_and_closes_the_same_way(
    profile: Profile, camera: StubCamera, edges: Edges
) -> None:
    scanner = hardware.open_scanner(profile, 1, None, CancelToken())
    edges.drain()
    assert not any(edge.pin == profile.lamp.pin and edge.value for edge in edges.seen)
    assert scanner.truth is None
    scanner.lamp.on()
    scanner.close()
    scanner.close()
    edges.drain()
    edges.assert_off()


def test_without_a_camera_everything_stays_off(
    profile: Profile, camera: StubCamera, edges: Edges, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: Any) -> None:
        raise HardwareError("camera: none was found")

    monkeypatch.setattr(hardware, "open_camera", absent)
    with pytest.raises(HardwareError, match="none was found"):
        hardware.open_scanner(profile, 1, None, CancelToken())
    edges.drain()
    edges.assert_off()


def test_a_camera_that_cannot_be_closed_does_not_keep_the_motors_on(
    profile: Profile, camera: StubCamera, edges: Edges
) -> None:
    scanner = hardware.open_scanner(profile, 1, None, CancelToken())
    scanner.stage.home()
    scanner.lamp.on()
    camera.fault = RuntimeError("camera is gone")
    with pytest.raises(RuntimeError, match="camera is gone"):
        scanner.close()
    edges.drain()
    edges.assert_off()


def test_an_emulated_scanner_in_real_time_moves_and_sees(edges: Edges) -> None:
    """The motors are in the other process, slide and camera in this one."""
    assert PROFILE.twin is not None
    camera = PROFILE.camera.model_copy(update={"width_px": 256, "height_px": 192})
    scanner = hardware.open_scanner(PROFILE.model_copy(update={"camera": camera}), 1, None, CancelToken(), True)
    try:
        scanner.stage.home()
        settled_ns = scanner.stage.move_to(x_um=100, y_um=60)
        dark = scanner.camera.expose(settled_ns, 5.0).read_out()
        scanner.lamp.on()
        lit = scanner.camera.expose(scanner.clock.now_ns(), 5.0).read_out()
        assert lit.image.mean() > dark.image.mean() + 50
        assert dark.exposure_start_ns >= settled_ns
        assert lit.exposure_start_ns <= scanner.clock.now_ns()
    finally:
        scanner.close()
