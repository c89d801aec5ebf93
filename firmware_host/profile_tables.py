"""The tables of a profile: every key, its range, and what it means. Read by `profile`, which checks them as a whole."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from firmware_host.optics import Objective

AxisName = Literal["x", "y", "z"]
AXES: tuple[AxisName, ...] = ("x", "y", "z")

Arithmetic = Literal["auto", "int8", "fp32", "tensorrt"]

Pin = Annotated[int, Field(ge=0, le=511, description="BCM or line number")]


def turned(x: float, y: float, angle_deg: float) -> tuple[float, float]:
    """A vector turned from x towards y."""
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return x * cosine - y * sine, x * sine + y * cosine


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HardwareTable(Table):
    """Which drivers serve the ports."""

    gpio: Literal["emulated", "rpi_gpio", "gpiod"]
    camera: Literal["emulated", "replay", "picamera2", "opencv"]
    gpio_chip: str = Field(
        "auto", description="for gpiod: the chip whose lines the pins are, as /dev/gpiochipN or by its label"
    )
    pulls: Literal["board", "external"] = Field(
        "board", description="what pulls the inputs up: the board's own resistors, or some fitted outside"
    )

    @property
    def is_emulated(self) -> bool:
        """The pins lead nowhere. A recording goes with an emulated stage."""
        return self.gpio == "emulated"

    @model_validator(mode="after")
    def _camera_and_pins_go_together(self) -> HardwareTable:
        if self.is_emulated != (self.camera in ("emulated", "replay")):
            raise ValueError("gpio and camera are emulated both, or neither is; replay goes with emulated gpio")
        return self


class ObjectiveTable(Table):
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


class CameraTable(Table):
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
    lost_s: float = Field(30.0, ge=0, le=3600, description="how long a camera that is gone is waited for")
    source: str = Field(
        "",
        description='for opencv: a number, a path such as "/dev/video0", or a GStreamer pipeline; '
        "for replay: the folder of a z-stack, or of several",
    )
    rotation_deg: float = Field(
        0.0, ge=-180, le=180, description="from the picture's right, clockwise, to where the view goes when x grows"
    )
    mirrored: bool = Field(False, description="the picture is mirrored: x counts the other way before the rotation")

    @model_validator(mode="after")
    def _exposure_fits_period(self) -> CameraTable:
        if self.exposure_ms > self.frame_period_ms:
            raise ValueError(f"exposure_ms must not exceed frame_period_ms ({self.frame_period_ms})")
        return self

    def view_px(self, x_um: float, y_um: float) -> tuple[float, float]:
        """(right, down) by which the view goes over the picture when the stage goes by (x, y), pixels."""
        right_um, down_um = turned(-x_um if self.mirrored else x_um, y_um, self.rotation_deg)
        return right_um / self.pixel_um, down_um / self.pixel_um


class AxisTable(Table):
    """One stepper axis. Motor limits are what the host asks for, with margin to what the motor can do."""

    step_pin: Pin
    dir_pin: Pin
    enable_pin: Pin
    limit_pin: Pin
    fault_pin: Pin | None = None
    dir_positive: Literal["high", "low"]
    steps_per_um: float = Field(ge=0.01, le=1000, description="microsteps per um of carriage travel")
    microsteps: int = Field(16, ge=1, le=256, description="per full step, as the driver's pins set them")
    max_speed_um_s: float = Field(ge=1, le=100_000)
    max_accel_um_s2: float = Field(ge=1, le=10_000_000)
    home_speed_um_s: float = Field(ge=1, le=50_000)
    soft_min_um: float = Field(ge=-1_000_000, le=1_000_000)
    soft_max_um: float = Field(ge=-1_000_000, le=1_000_000)
    takeup_um: float = Field(ge=0, le=500, description="overshoot that takes up the backlash; more than the backlash")
    backlash_um: float | None = Field(None, ge=0, le=500, description="measured by wsi-host calibrate; for takeup_um")
    settle_ms: float = Field(ge=0, le=5000, description="from the last step until the image stands still")
    pulse_us: float = Field(ge=1, le=1000, description="how long STEP stays high")
    dir_setup_us: float = Field(ge=0, le=1000, description="DIR must stand this long before a step")

    @model_validator(mode="after")
    def _limits_in_order(self) -> AxisTable:
        if self.soft_min_um >= self.soft_max_um:
            raise ValueError(f"soft_max_um must be above soft_min_um ({self.soft_min_um})")
        if self.home_speed_um_s > self.max_speed_um_s:
            raise ValueError(f"home_speed_um_s must not exceed max_speed_um_s ({self.max_speed_um_s})")
        if self.backlash_um is not None and self.takeup_um <= self.backlash_um:
            raise ValueError(f"takeup_um must be above backlash_um ({self.backlash_um})")
        return self


class AxesTable(Table):
    x: AxisTable
    y: AxisTable
    z: AxisTable

    def of(self, name: AxisName) -> AxisTable:
        return {"x": self.x, "y": self.y, "z": self.z}[name]


class PulsesTable(Table):
    """What the process that makes the pulses asks of Linux."""

    core: int | None = Field(default=None, ge=0, le=255, description="core to stay on, best an isolated one")
    priority: int = Field(default=50, ge=0, le=99, description="real-time priority (SCHED_FIFO); 0: none")


class LampTable(Table):
    pin: Pin
    frequency_hz: float = Field(ge=50, le=200_000)
    duty: float = Field(gt=0, le=1)
    pwm_chip: str | None = Field(
        None, description="the board's own PWM on that pin: a device, 1f00098000.pwm, or pwmchipN of /sys/class/pwm"
    )
    pwm_channel: int = Field(0, ge=0, le=31)


class FocusTable(Table):
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


class ScanTable(Table):
    overlap: float = Field(ge=0, le=0.5, description="share of a field that its neighbour sees too")
    coarse_stride_fields: float = Field(ge=0.5, le=20, description="grid of the coarse pass, in fields")
    tissue_absorbance: float = Field(ge=0.001, le=1, description="mean absorbance above which a view holds tissue")
    jpeg_quality: int = Field(ge=50, le=100)


class HealthTable(Table):
    """The board during a scan: temperature, supply, memory, disk. A Raspberry Pi slows itself down from 80 C on."""

    warn_c: float = Field(default=75, ge=30, le=120, description="processor's temperature that is told")
    slow_c: float = Field(default=80, ge=30, le=120, description="from here on the scan pauses between fields")
    stop_c: float = Field(default=90, ge=30, le=120, description="from here on it stops, and what was scanned is kept")
    hysteresis_c: float = Field(default=5, ge=0, le=30, description="a pause ends this far below slow_c")
    pause_s: float = Field(default=900, ge=1, le=7200, description="a pause that lasts longer stops the scan")
    under_voltage: Literal["warn", "slow", "stop"] = Field(
        default="slow", description="while the supply is too low; slow pauses, and stops when that does not help"
    )
    memory_warn_mb: float = Field(default=300, ge=0, le=1_000_000, description="less memory left than this is told")
    memory_floor_mb: float = Field(
        default=120, ge=0, le=1_000_000, description="below it the scan pauses, before the kernel kills something"
    )
    disk_floor_mb: float = Field(
        default=500, ge=0, le=1_000_000, description="less room than this on the disk of the scan pauses it"
    )

    @model_validator(mode="after")
    def _temperatures_in_order(self) -> HealthTable:
        if not self.warn_c <= self.slow_c <= self.stop_c:
            raise ValueError("warn_c, slow_c and stop_c must be in this order")
        return self

    @model_validator(mode="after")
    def _memory_in_order(self) -> HealthTable:
        if self.memory_floor_mb > self.memory_warn_mb:
            raise ValueError(f"memory_floor_mb must not exceed memory_warn_mb ({self.memory_warn_mb:g})")
        return self


class TwinAxisTable(Table):
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
    steps_per_um: float | None = Field(None, ge=0.01, le=1000, description="of the real screw; default: as the axis's")


class TwinTable(Table):
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
    pixel_um: float | None = Field(None, ge=0.05, le=10, description="real pitch on the slide; default: the camera's")
    rotation_deg: float = Field(0.0, ge=-180, le=180, description="how the camera is really turned, as camera's key")
    mirrored: bool = Field(False, description="whether the picture really is mirrored, as camera's key")
    skew_deg: float = Field(0.0, ge=-5, le=5, description="the real angle from x to y less 90 degrees")
    target: Literal["section", "grid"] = Field("section", description="what lies on the stage; grid: chrome dots")
    grid_um: float = Field(10.0, ge=1, le=1000, description="pitch of the grid's dots")
    repeatable: bool = Field(
        default=False, description="noise by place instead of by frame, and no drift: a field looks the same later on"
    )
