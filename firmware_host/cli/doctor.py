"""`wsi-host doctor`: whether the focus model runs here, how fast, and whether all ways of running it agree."""

from __future__ import annotations

from typing import Annotated

import typer

from firmware_host.cli.bundle import open_bundle
from firmware_host.errors import HardwareError
from firmware_host.inference.choice import quickest
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.port import PatchModel
from firmware_host.inference.selftest import agreement, made_up_patches

_MOST_MEAN_DOF, _MOST_DOF = 0.02, 0.25


def doctor(
    bundle: Annotated[str, typer.Option(help="Focus model.")] = "focus-20x.wsimodel",
    tensorrt: Annotated[
        bool, typer.Option("--tensorrt", help="Build the TensorRT engine too, minutes at first, and compare it.")
    ] = False,
    patches: Annotated[int, typer.Option(min=1, max=200, help="Patches a field is judged by.")] = 16,
) -> None:
    """Check the focus model, time each way of running it here, and fail where TensorRT answers otherwise."""
    checked = open_bundle(bundle, allow_unsigned=False)
    size_px = checked.patch_rule.size_px
    print(f"bundle    {checked.manifest.name}: signed and whole, sha256 {checked.sha256[:16]}")
    models: dict[str, PatchModel] = {
        "int8": OrtPatchModel(checked.graphs.int8, size_px),
        "fp32": OrtPatchModel(checked.graphs.fp32, size_px),
    }
    if tensorrt:
        from firmware_host.inference.tensorrt import TensorRtPatchModel, engine_cache

        models["tensorrt"] = TensorRtPatchModel(checked.graphs.tensorrt, size_px, patches, engine_cache())
    for name, ms in quickest(models, size_px, patches).ms.items():
        print(f"{name:9} {ms:.2f} ms for a field of {patches} patches")
    frames = made_up_patches(4 * patches, size_px)
    difference = agreement(models["int8"], models["fp32"], *frames)
    print(f"fp32      differs from int8 by {difference.mean_dof:.4f} DoF, at most {difference.most_dof:.4f}")
    if tensorrt:
        on_processor = OrtPatchModel(checked.graphs.tensorrt, size_px)
        difference = agreement(on_processor, models["tensorrt"], *frames)
        apart = f"{difference.mean_dof:.4f} DoF, at most {difference.most_dof:.4f}"
        print(f"tensorrt  differs from its graph on the processor by {apart}")
        if difference.mean_dof > _MOST_MEAN_DOF or difference.most_dof > _MOST_DOF:
            raise HardwareError(
                f"doctor: TensorRT does not agree with the processor (allowed: {_MOST_MEAN_DOF:g} DoF, at most "
                f'{_MOST_DOF:g}); set focus.arithmetic = "int8" in the profile, and report it'
            )
