"""Recorded z-stacks in place of a camera: which plane is seen, and the focus loop on them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.camera.replay import ReplayCamera, read_recordings
from firmware_host.cancel import CancelToken
from firmware_host.cli import app
from firmware_host.clock import VirtualClock
from firmware_host.errors import HardwareError, UsageError
from firmware_host.focus.estimator import TwoShotEstimator
from firmware_host.focus.eye import Eye
from firmware_host.focus.loop import TwoShotFocus
from firmware_host.focus.sweep import ContrastSweep
from firmware_host.hardware import Scanner, open_scanner
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.optics import Objective
from firmware_host.profile import Profile, parse_profile
from firmware_host.profile_tables import CameraTable
from firmware_host.stack_folder import write_stack
from firmware_host.trust import trusted_keys
from firmware_host.twin.emulation import Emulation

OPTICS = Objective(0.75, 0.55, 1.0)
SMALL = {"width_px": 384, "height_px": 256}
FOCUS_Z_UM = 300.0  # the middle of the axis's range
Place = Callable[[], tuple[float, float, float]]


@pytest.fixture
def table(emulated: Profile) -> CameraTable:
    return emulated.camera.model_copy(update={"width_px": 160, "height_px": 128})


def flat(level: int) -> np.ndarray:
    return np.full((128, 160, 3), level, np.uint8)


def record(folder: Path, heights_um: list[float], first_level: int = 0) -> None:
    """Planes whose grey level tells their number."""
    write_stack(
        folder, [flat(first_level + n) for n in range(len(heights_um))], np.array(heights_um), OPTICS, 0.25, "png"
    )


def camera_at(folder: Path, table: CameraTable, place: Place) -> ReplayCamera:
    return ReplayCamera(table, VirtualClock(), read_recordings(folder, table, OPTICS), place, FOCUS_Z_UM)


@pytest.mark.parametrize(
    ("z_um", "level"), [(295, 0), (296.2, 1), (297.3, 1), (297.6, 2), (300.2, 3), (305, 5), (306.9, 5), (293.1, 0)]
)
def test_the_plane_nearest_to_the_stage_is_seen(tmp_path: Path, table: CameraTable, z_um: float, level: int) -> None:
    record(tmp_path, [-5, -3, -2, 0, 3, 5])
    camera = camera_at(tmp_path, table, lambda: (0, 0, z_um))
    frame = camera.expose(0, 1.0).read_out()
    assert (frame.image == level).all()
    assert camera.focus_error_um(frame) == [-5, -3, -2, 0, 3, 5][level]


@pytest.mark.parametrize("z_um", [291.9, 308.1, 0, 600])
def test_beyond_the_recording_its_range_is_told(tmp_path: Path, table: CameraTable, z_um: float) -> None:
    record(tmp_path / "liver-3", [-5, -3, -2, 0, 3, 5])
    camera = camera_at(tmp_path, table, lambda: (0, 0, z_um))
    with pytest.raises(HardwareError, match=rf"liver-3 holds heights from -5 to 5 um .* stands at {z_um - 300:.2f} um"):
        camera.expose(0, 1.0)


def test_fields_show_the_positions_in_a_square_again_and_again(tmp_path: Path, table: CameraTable) -> None:
    for number in range(4):
        record(tmp_path / f"p{number}", [0, 1], 10 * number)
    width_um, height_um = 40.0, 32.0
    seen = [
        [
            int(
                camera_at(tmp_path, table, lambda c=column, r=row: (width_um * c, height_um * r, 300))
                .expose(0, 1.0)
                .read_out()
                .image[0, 0, 0]
            )
            for column in range(-1, 4)
        ]
        for row in range(3)
    ]
    assert seen == [[10, 0, 10, 0, 10], [30, 20, 30, 20, 30], [10, 0, 10, 0, 10]]


def test_a_frame_that_is_changed_does_not_change_the_recording(tmp_path: Path, table: CameraTable) -> None:
    record(tmp_path, [0])
    camera = camera_at(tmp_path, table, lambda: (0, 0, 300))
    camera.expose(0, 1.0).read_out().image[:] = 99
    assert (camera.expose(0, 1.0).read_out().image == 0).all()


def size(folder: Path) -> None:
    Image.fromarray(np.zeros((64, 48, 3), np.uint8)).save(
        folder / "001.png", exif=Image.open(folder / "000.png").getexif()
    )


def no_height(folder: Path) -> None:
    Image.fromarray(flat(3)).save(folder / "001.png")


def no_image(folder: Path) -> None:
    (folder / "001.png").write_bytes(b"GIF8")


def other_pixels(folder: Path) -> None:
    optics = json.loads((folder / "optics.json").read_text())
    (folder / "optics.json").write_text(json.dumps(optics | {"pixel_um": 0.5}))


def other_aperture(folder: Path) -> None:
    optics = json.loads((folder / "optics.json").read_text())
    (folder / "optics.json").write_text(json.dumps(optics | {"na": 0.4}))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (size, r"plane .*001\.png: 48 x 64 pixels; the profile's camera has 160 x 128"),
        (no_height, r"plane .*001\.png: no Exif tag Make"),
        (no_image, r"plane .*001\.png: not a readable image"),
        (other_pixels, "its um per pixel is 0.5, the profile's 0.25"),
        (other_aperture, "its aperture is 0.4, the profile's 0.75"),
    ],
)
def test_a_recording_that_does_not_fit_is_told_before_anything_moves(
    tmp_path: Path, table: CameraTable, fault: Callable[[Path], None], words: str
) -> None:
    record(tmp_path, [0, 1])
    fault(tmp_path)
    with pytest.raises(UsageError, match=words):
        read_recordings(tmp_path, table, OPTICS)


def test_a_folder_without_planes_is_told(tmp_path: Path, table: CameraTable) -> None:
    with pytest.raises(UsageError, match="no planes"):
        read_recordings(tmp_path, table, OPTICS)
    with pytest.raises(UsageError, match="no such folder"):
        read_recordings(tmp_path / "nowhere", table, OPTICS)


def replaying(profile: Profile, folder: Path, changes: dict[str, Any]) -> Profile:
    data = profile.model_dump()
    data["hardware"]["camera"] = "replay"
    data["camera"] |= {"source": str(folder)}
    for name, table in changes.items():
        data[name] |= table
    return parse_profile(data, "replay.toml")


@pytest.fixture(scope="module")
def rendered(emulated: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fields of the twin's section from 15 um below focus to 15 um above, a plane each 0.5 um."""
    emulation = Emulation(emulated.model_copy(update={"camera": emulated.camera.model_copy(update=SMALL)}), 3, None)
    column, sensor = emulation.column, emulation.camera._sensor
    folder = tmp_path_factory.mktemp("recorded")
    heights = np.arange(-30, 31) * 0.5
    for number, (x_um, y_um) in enumerate([(3800.0, 2800.0), (4000.0, 2900.0)]):
        focus_um = column.focus_z_um(x_um, y_um)
        assert focus_um is not None
        images = [
            sensor.expose(column.transmittance(x_um, y_um, focus_um + height), 1.0, 1000 * number + n)
            for n, height in enumerate(heights)
        ]
        write_stack(folder / f"field-{number}", images, heights, emulated.optics, emulated.camera.pixel_um)
    return folder


@pytest.fixture
def scanner(emulated: Profile, rendered: Path) -> Scanner:
    return open_scanner(replaying(emulated, rendered, {"camera": SMALL}), 1, None, CancelToken())


def test_the_stage_of_a_replay_stands_where_the_recording_says(scanner: Scanner) -> None:
    scanner.stage.home()
    eye = Eye(scanner.camera, scanner.clock, scanner.cancel, 2.0)
    assert scanner.truth is not None
    for height_um in (-10, -3, 0, 2.5, 12):
        frame = eye.look(scanner.stage.move_to(x_um=100, y_um=100, z_um=FOCUS_Z_UM + height_um))
        assert scanner.truth(frame) == pytest.approx(height_um, abs=0.25)


def test_the_two_shot_loop_finds_focus_on_a_recording(scanner: Scanner, emulated: Profile) -> None:
    bundle = read_bundle(find_bundle(emulated.bundle), trusted_keys())
    profile = scanner.profile
    model = OrtPatchModel(bundle.graphs.int8, bundle.patch_rule.size_px)
    estimator = TwoShotEstimator(
        model, bundle.patch_rule, profile.optics, profile.camera.pixel_um, scanner.camera.shape, profile.focus
    )
    eye = Eye(scanner.camera, scanner.clock, scanner.cancel, 2.0)
    sweep = ContrastSweep(scanner.stage, eye, profile.optics, profile.focus)
    loop = TwoShotFocus(scanner.stage, eye, scanner.clock, estimator, sweep, profile.optics, profile.focus)
    scanner.stage.home()
    scanner.lamp.on()
    assert scanner.truth is not None
    errors = []
    for field, off_um in enumerate([-3.0, -1.0, 0.5, 2.5]):
        result = loop.focus(48 + 96 * field, 32, FOCUS_Z_UM + off_um)
        assert result.status == "focused"
        errors.append(scanner.truth(result.frame))
    assert np.abs(errors).max() <= profile.optics.depth_of_field_um / 2


def test_a_sweep_finds_the_experts_plane_in_a_real_recording(
    emulated: Profile, shared_data: Path, tmp_path: Path
) -> None:
    """A sweep through stained adipose tissue by a 5x objective, moved by hand; an expert chose plane 10.

    Its planes are taken to be 12 um apart, which nobody measured.
    """
    spacing_um = 12.0
    source = shared_data / "stacks" / "adipose_5x"
    rows = list(csv.DictReader((source / "planes.csv").read_text().splitlines()))
    images = [np.asarray(Image.open(source / row["file"]).convert("RGB")) for row in rows]
    heights = np.array([(float(row["plane_index"]) - 10) * spacing_um for row in rows])
    height_px, width_px = (side - side % 2 for side in images[0].shape[:2])
    optics = Objective(0.12, 0.55, 1.0)
    write_stack(tmp_path / "adipose", [each[:height_px, :width_px] for each in images], heights, optics, 1.0)
    changes = {
        "camera": {"width_px": width_px, "height_px": height_px, "pixel_um": 1.0},
        "objective": {"magnification": 5, "na": 0.12},
    }
    profile = replaying(emulated, tmp_path / "adipose", changes)
    scanner = open_scanner(profile, 1, None, CancelToken())
    scanner.stage.home()
    eye = Eye(scanner.camera, scanner.clock, scanner.cancel, 2.0)
    focus = profile.focus.model_copy(update={"sweep_half_range_dof": 2.0, "sweep_step_dof": 0.3})
    found = ContrastSweep(scanner.stage, eye, profile.optics, focus).search(FOCUS_Z_UM)
    assert found.z_um == pytest.approx(FOCUS_Z_UM, abs=1.5 * spacing_um)


def focus_command(profile: Profile, folder: Path, *options: str) -> Any:
    path = folder / "replay.toml"
    path.write_text(as_toml(profile.model_dump(exclude_none=True)))
    return CliRunner().invoke(app, ["focus", "--profile", str(path), *options])


@pytest.mark.parametrize("field", [0, 1])
def test_the_focus_command_runs_on_a_recording(emulated: Profile, rendered: Path, tmp_path: Path, field: int) -> None:
    """With the z axis as long as the recording, since nothing is known of the slide and all of it is searched."""
    data = replaying(emulated, rendered, {"camera": SMALL}).model_dump()
    data["axes"]["z"] |= {"soft_min_um": 0, "soft_max_um": 30}
    data["twin"]["z"] |= {"start_um": 0}
    profile = parse_profile(data, "replay.toml")
    result = focus_command(profile, tmp_path, "--x", str(48 + 96 * field), "--y", "32", "--json")
    assert result.exception is None, result.output
    assert json.loads(result.output)["z_um"] == pytest.approx(15, abs=profile.optics.depth_of_field_um / 2)


def test_the_focus_command_tells_of_a_recording_that_is_too_short(
    emulated: Profile, rendered: Path, tmp_path: Path
) -> None:
    """Its wide search begins 90 depths of field away."""
    result = focus_command(replaying(emulated, rendered, {"camera": SMALL}), tmp_path)
    assert isinstance(result.exception, HardwareError)
    assert "holds heights from -15 to 15 um" in str(result.exception)


def as_toml(data: dict[str, Any], path: str = "") -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in data.items() if not isinstance(value, dict)]
    tables = [as_toml(value, f"{path}{key}.") for key, value in data.items() if isinstance(value, dict)]
    return "\n".join([f"[{path[:-1]}]" if path else "", *lines, *tables])
