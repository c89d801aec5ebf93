"""The focus model: is it whole and signed, does it fit the optics, how fast is it here, do all ways to run it agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from firmware_host.bundle import Bundle
from firmware_host.doctor.finding import Finding, green, looked, red, yellow
from firmware_host.inference.choice import quickest
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.port import PatchModel
from firmware_host.inference.selftest import Agreement, agreement, made_up_patches
from firmware_host.profile import Profile

_MOST_MEAN_DOF, _MOST_DOF = 0.02, 0.25
_SLOW_MS = 200.0  # a field's decision: beyond this it takes longer than all its moves


def model(open_bundle: Callable[[], Bundle], profile: Profile | None, patches: int, tensorrt: bool) -> list[Finding]:
    """All checks of the model.

    :param open_bundle: reads and checks the bundle; :param patches: that a field is judged by.
    :param tensorrt: build and compare its engine too.
    """
    opened: list[Bundle] = []

    def read() -> Finding:
        opened.append(open_bundle())
        manifest = opened[0].manifest
        return green("bundle", f"{manifest.name}: signed and whole, sha256 {opened[0].sha256[:16]}")

    found = [looked("bundle", read)]
    if not opened:
        return found
    (bundle,) = opened
    if profile is not None:
        found.append(looked("optics", lambda: optics(bundle, profile)))
    return found + _runs(bundle, patches, tensorrt)


def optics(bundle: Bundle, profile: Profile) -> Finding:
    """Whether the bundle was made for the profile's objective, camera and distance of frames."""
    bundle.check_optics(profile.optics, profile.camera.pixel_um, profile.focus.delta_dof)
    objective = profile.objective
    told = f"the bundle serves {objective.magnification:g}x/{objective.na:g} with {profile.camera.pixel_um:g} um pixels"
    return green("optics", told)


def _runs(bundle: Bundle, patches: int, tensorrt: bool) -> list[Finding]:
    size_px = bundle.patch_rule.size_px
    models: dict[str, PatchModel] = {}

    def load(name: str, make: Callable[[], PatchModel]) -> list[Finding]:
        def loaded() -> Finding:
            models[name] = make()
            return green(name, "loaded")

        finding = looked(name, loaded)
        return [] if name in models else [finding]

    found = load("int8", lambda: OrtPatchModel(bundle.graphs.int8, size_px))
    found += load("fp32", lambda: OrtPatchModel(bundle.graphs.fp32, size_px))
    if tensorrt:
        found += load("tensorrt", lambda: _engine(bundle, patches))
    found += _times(models, size_px, patches)
    frames = made_up_patches(4 * patches, size_px)
    if {"int8", "fp32"} <= models.keys():
        found.append(
            looked(
                "agreement of fp32", lambda: agree("fp32", "int8", agreement(models["int8"], models["fp32"], *frames))
            )
        )
    if "tensorrt" in models:
        on_processor = OrtPatchModel(bundle.graphs.tensorrt, size_px)
        found.append(
            looked(
                "agreement of tensorrt",
                lambda: agree(
                    "tensorrt", "its graph on the processor", agreement(on_processor, models["tensorrt"], *frames)
                ),
            )
        )
    return found


def agree(name: str, other: str, difference: Agreement) -> Finding:
    """Whether one way to run the model says what the other says, in depths of field."""
    check = f"agreement of {name}"
    told = f"differs from {other} by {difference.mean_dof:.4f} DoF, at most {difference.most_dof:.4f}"
    if difference.mean_dof <= _MOST_MEAN_DOF and difference.most_dof <= _MOST_DOF:
        return green(check, told)
    allowed = f"allowed: {_MOST_MEAN_DOF:g}, at most {_MOST_DOF:g}"
    return red(check, f"{told} ({allowed})", 'set focus.arithmetic = "int8" in the profile, and report it')


def _times(models: Mapping[str, PatchModel], size_px: int, patches: int) -> list[Finding]:
    found: list[Finding] = []

    def measure() -> Finding:
        for name, ms in quickest(models, size_px, patches).ms.items():
            told = f"{ms:.2f} ms for a field of {patches} patches"
            remedy = "choose fewer focus.patches, or a quicker board; scans work, slowly"
            check = f"time of {name}"
            found.append(green(check, told) if ms <= _SLOW_MS else yellow(check, told, remedy))
        return green("inference", "measured")

    if models:
        finding = looked("inference", measure)
        if finding.state != "green":
            found.append(finding)
    return found


def _engine(bundle: Bundle, patches: int) -> PatchModel:
    from firmware_host.inference.tensorrt import TensorRtPatchModel, engine_cache

    return TensorRtPatchModel(bundle.graphs.tensorrt, bundle.patch_rule.size_px, patches, engine_cache())
