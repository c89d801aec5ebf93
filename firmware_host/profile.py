"""One scanner described in TOML: read once, checked here, trusted everywhere else.

A wrong profile is refused with the file, the key, the value and the allowed range. Nothing here touches hardware.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from firmware_host.errors import UsageError
from firmware_host.optics import Objective

AxisName = Literal["x", "y", "z"]
AXES: tuple[AxisName, ...] = ("x", "y", "z")

Arithmetic = Literal["auto", "int8", "fp32", "tensorrt"]

Pin = Annotated[int, Field(ge=0, le=511, description="BCM or line number")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HardwareTable(_Table):
    """Which drivers serve the ports."""

    gpio: Literal["emulated", "rpi_gpio", "gpiod"]
    camera: Literal["emulated", "picamera2"]
    gpio_chip: str = Field("/dev/gpiochip0", description="for gpiod: the chip whose lines the pins are")


class ObjectiveTable(_Table):
    magnification: float = Field(ge=1, le=100)
    na: float = Field(ge=0.05, le=1.45, description="numerical aperture")
    wavelength_nm: float = Field(ge=400, le=750)
    immersion_index: float = Field(ge=1.0, le=1.6)

    @model_validator(mode="after")
    def _aperture_below_index(self) -> ObjectiveTable:
        if self.na >= self.immersion_index:
            raise ValueError(f"na must be below immersion_index ({self.immersion_index})")
        return self

    @property
    def optics(self) -> Objective:
        return Objective(self.na, self.wavelength_nm * 1e-3, self.immersion_index)


class CameraTable(_Table):
    width_px: int = Field(ge=128, le=16384, multiple_of=2)
    height_px: int = Field(ge=128, le=16384, multiple_of=2)
    pixel_um: float = Field(ge=0.05, le=10, description="pixel pitch on the slide")
    exposure_ms: float = Field(ge=0.01, le=1000)
    frame_period_ms: float = Field(ge=1, le=2000, description="time between the starts of two exposures")
    readout_ms: float = Field(ge=0, le=2000, description="from the end of the exposure to the delivered frame")
    shutter: Literal["rolling", "global"] = Field(
        "rolling", description="rolling: the stage stands still during the read-out too, as rows are exposed until then"
    )
    trigger: bool = Field(
        False, description="an exposure begins when it is asked for; else frames come at the camera's own pace"
    )
    gain: float = Field(1.0, ge=1, le=64, description="of the sensor, fixed during a scan")
    colour_gains: tuple[Annotated[float, Field(ge=0.1, le=32)], Annotated[float, Field(ge=0.1, le=32)]] = Field(
        (2.0, 2.0), description="of red and of blue over green, fixed during a scan; the flat field does the rest"
    )
    timeout_s: float = Field(ge=0.1, le=60)

    @model_validator(mode="after")
    def _exposure_fits_period(self) -> CameraTable:
        if self.exposure_ms > self.frame_period_ms:
            raise ValueError(f"exposure_ms must not exceed frame_period_ms ({self.frame_period_ms})")
        return self


class AxisTable(_Table):
    """One stepper axis. Motor limits are what the host asks for, with margin to what the motor can do."""

    step_pin: Pin
    dir_pin: Pin
    enable_pin: Pin
    limit_pin: Pin
    fault_pin: Pin | None = None
    dir_positive: Literal["high", "low"]
    steps_per_um: float = Field(ge=0.01, le=1000, description="microsteps per um of carriage travel")
    max_speed_um_s: float = Field(ge=1, le=100_000)
    max_accel_um_s2: float = Field(ge=1, le=10_000_000)
    home_speed_um_s: float = Field(ge=1, le=50_000)
    soft_min_um: float = Field(ge=-1_000_000, le=1_000_000)
    soft_max_um: float = Field(ge=-1_000_000, le=1_000_000)
    takeup_um: float = Field(ge=0, le=500, description="overshoot that takes up the backlash; more than the backlash")
    settle_ms: float = Field(ge=0, le=5000, description="from the last step until the image stands still")
    pulse_us: float = Field(ge=1, le=1000, description="how long STEP stays high")
    dir_setup_us: float = Field(ge=0, le=1000, description="DIR must stand this long before a step")

    @model_validator(mode="after")
    def _limits_in_order(self) -> AxisTable:
        if self.soft_min_um >= self.soft_max_um:
            raise ValueError(f"soft_max_um must be above soft_min_um ({self.soft_min_um})")
        if self.home_speed_um_s > self.max_speed_um_s:
            raise ValueError(f"home_speed_um_s must not exceed max_speed_um_s ({self.max_speed_um_s})")
        return self


class AxesTable(_Table):
    x: AxisTable
    y: AxisTable
    z: AxisTable

    def of(self, name: AxisName) -> AxisTable:
        return {"x": self.x, "y": self.y, "z": self.z}[name]


class LampTable(_Table):
    pin: Pin
    frequency_hz: float = Field(ge=50, le=200_000)
    duty: float = Field(gt=0, le=1)


class FocusTable(_Table):
    """The focus loop. Lengths along the axis in depths of field (DoF), see docs/architecture.md."""

    delta_dof: float = Field(ge=0.5, le=6, description="second frame's z minus the first's")
    accept_dof: float = Field(ge=0.02, le=0.5, description="a second frame this near to focus is the tile")
    max_spread_dof: float = Field(ge=0.02, le=5, description="above this the patches disagree: repeat")
    max_repeats: int = Field(ge=0, le=10)
    patches: int = Field(ge=3, le=200, description="patches a field is judged by")
    min_patches: int = Field(ge=1, le=200, description="fewer with texture than this: the field is blank")
    arithmetic: Arithmetic = Field(description="of the network; auto: the quickest here")
    sweep_half_range_dof: float = Field(ge=1, le=50, description="contrast sweep, to each side of the pivot")
    sweep_step_dof: float = Field(ge=0.1, le=5)

    @model_validator(mode="after")
    def _patches_in_order(self) -> FocusTable:
        if self.min_patches > self.patches:
            raise ValueError(f"min_patches must not exceed patches ({self.patches})")
        return self


class ScanTable(_Table):
    overlap: float = Field(ge=0, le=0.5, description="share of a field that its neighbour sees too")
    coarse_stride_fields: float = Field(ge=0.5, le=20, description="grid of the coarse pass, in fields")
    tissue_absorbance: float = Field(ge=0.001, le=1, description="mean absorbance above which a view holds tissue")
    jpeg_quality: int = Field(ge=50, le=100)


class TwinAxisTable(_Table):
    """What the emulated axis really does, which the host does not know."""

    travel_min_um: float = Field(ge=-1_000_000, le=1_000_000)
    travel_max_um: float = Field(ge=-1_000_000, le=1_000_000)
    start_um: float = Field(ge=-1_000_000, le=1_000_000)
    limit_at_um: float = Field(ge=-1_000_000, le=1_000_000, description="the switch closes at and below this")
    backlash_um: float = Field(ge=0, le=500)
    motor_speed_um_s: float = Field(ge=1, le=1_000_000, description="faster steps are lost")
    motor_accel_um_s2: float = Field(ge=1, le=100_000_000, description="harder starts are lost")
    ring_um: float = Field(ge=0, le=50, description="amplitude of the ring-down after the last step")
    ring_hz: float = Field(ge=1, le=2000)
    ring_decay_ms: float = Field(ge=0.1, le=2000)


class TwinTable(_Table):
    """The emulated scanner. Only the emulation reads it."""

    x: TwinAxisTable
    y: TwinAxisTable
    z: TwinAxisTable
    drift_um: float = Field(ge=0, le=100, description="z drift, amplitude of the warm-up")
    drift_minutes: float = Field(gt=0, le=600)
    driver_pulse_us: float = Field(ge=0, le=1000, description="shortest STEP pulse that the driver sees")
    driver_dir_setup_us: float = Field(ge=0, le=1000)
    tissue_mm: float = Field(ge=0.2, le=20, description="diameter of the procedural section")
    surface_z_um: float = Field(ge=-10_000, le=10_000, description="mean z of focus over the slide")
    tilt_um_per_mm: float = Field(ge=0, le=20)
    bump_um: float = Field(ge=0, le=100)
    thickness_um: float = Field(ge=0, le=20)
    spherical_waves: float = Field(ge=-2, le=2, description="balanced primary spherical aberration, waves RMS")
    chromatic_um: float = Field(ge=-5, le=5, description="focus of blue minus focus of red")
    full_well_electrons: float = Field(ge=100, le=1_000_000)
    read_noise_electrons: float = Field(ge=0, le=1000)
    vignetting: float = Field(ge=0, le=0.9, description="loss of light in the corners")
    infer_ms: float = Field(ge=0, le=10_000, description="what a field's decision costs on the scanner's clock")
    write_ms: float = Field(ge=0, le=10_000)


class Profile(_Table):
    """A whole scanner."""

    schema_version: Literal[1]
    name: str = Field(min_length=1, max_length=80)
    description: str = ""
    bundle: str = Field(min_length=1, description="a shipped bundle's file name, or a path")
    hardware: HardwareTable
    objective: ObjectiveTable
    camera: CameraTable
    axes: AxesTable
    lamp: LampTable
    emergency_stop_pin: Pin | None = None
    focus: FocusTable
    scan: ScanTable
    twin: TwinTable | None = None

    @model_validator(mode="after")
    def _whole(self) -> Profile:
        emulated = (self.hardware.gpio == "emulated", self.hardware.camera == "emulated")
        if any(emulated) and not all(emulated):
            raise ValueError("hardware.gpio and hardware.camera must be emulated together")
        if any(emulated) and self.twin is None:
            raise ValueError("an emulated profile needs the table [twin]")
        users: dict[int, str] = {}
        for key, pin in self._pins():
            if pin in users:
                raise ValueError(f"pin {pin} is used twice: {users[pin]} and {key}")
            users[pin] = key
        return self

    def _pins(self) -> list[tuple[str, int]]:
        pins = [("lamp.pin", self.lamp.pin)]
        if self.emergency_stop_pin is not None:
            pins.append(("emergency_stop_pin", self.emergency_stop_pin))
        shared_enable: set[int] = set()
        for name in AXES:
            axis = self.axes.of(name)
            for key in ("step_pin", "dir_pin", "enable_pin", "limit_pin", "fault_pin"):
                pin = getattr(axis, key)
                if pin is None or (key == "enable_pin" and pin in shared_enable):
                    continue
                if key == "enable_pin":
                    shared_enable.add(pin)
                pins.append((f"axes.{name}.{key}", pin))
        return pins

    @property
    def optics(self) -> Objective:
        return self.objective.optics

    @property
    def field_um(self) -> tuple[float, float]:
        """(width, height) of one field on the slide, um."""
        return self.camera.width_px * self.camera.pixel_um, self.camera.height_px * self.camera.pixel_um


def shipped_profiles() -> list[str]:
    """Names of the profiles that come with the software."""
    folder = resources.files("firmware_host") / "profiles"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_profile(name_or_path: str) -> Profile:
    """Read and check a profile.

    :param name_or_path: a shipped profile's name, or the path of a TOML file.
    :raises UsageError: it does not exist, is not TOML, or a value is missing, unknown or out of range.
    """
    text, where = _read(name_or_path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"profile {where}: not valid TOML: {error}") from error
    return parse_profile(data, where)


def parse_profile(data: dict[str, Any], where: str) -> Profile:
    """Check a profile that has been read already; `where` names it in errors."""
    try:
        return Profile.model_validate(data, strict=False)
    except ValidationError as error:
        raise UsageError(f"profile {where}: {_first_problem(error)}") from error


def _read(name_or_path: str) -> tuple[str, str]:
    if "/" not in name_or_path and not name_or_path.endswith(".toml"):
        if name_or_path not in shipped_profiles():
            known = ", ".join(shipped_profiles())
            raise UsageError(f"profile {name_or_path}: not among the shipped ones ({known}); a path ends in .toml")
        return (resources.files("firmware_host") / "profiles" / f"{name_or_path}.toml").read_text(), name_or_path
    try:
        return Path(name_or_path).read_text(encoding="utf-8"), name_or_path
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"profile {name_or_path}: cannot be read: {error}") from error


def _first_problem(error: ValidationError) -> str:
    """The first problem of a validation as `key = value: message (allowed: range)`."""
    problems = error.errors()
    first = problems[0]
    key = ".".join(str(part) for part in first["loc"]) or "profile"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    match first["type"]:
        case "missing":
            return f"{key} is missing{_allowed(first['loc'])}{more}"
        case "extra_forbidden":
            return f"{key} = {first['input']!r} is not a known key; see the shipped profiles{more}"
        case "value_error":
            message = first["msg"].removeprefix("Value error, ")
            return f"{key}: {message}{more}"
    return f"{key} = {first['input']!r}: {first['msg'].lower()}{_allowed(first['loc'])}{more}"


def _allowed(loc: tuple[int | str, ...]) -> str:
    """The allowed range of the field at `loc`, as ` (allowed: 0.05 to 1.45)`; empty where it has none."""
    model: Any = Profile
    field = None
    for part in loc:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return ""
        model = field.annotation
    if field is None:
        return ""
    bounds: dict[str, Any] = {}
    for rule in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            value = getattr(rule, name, None)
            if value is not None:
                bounds[name] = value
    low = bounds.get("ge", bounds.get("gt"))
    high = bounds.get("le", bounds.get("lt"))
    if low is None or high is None:
        return ""
    return f" (allowed: {'above ' if 'gt' in bounds else ''}{low} to {high})"
