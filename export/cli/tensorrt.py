"""`wsi-export tensorrt`: whether TensorRT takes a bundle's graph."""

from __future__ import annotations

from typing import Annotated

import typer

from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.errors import ScannerError
from firmware_host.trust import trusted_keys


def tensorrt(
    bundle: Annotated[str, typer.Option(help="A bundle.")],
    patches: Annotated[int, typer.Option(min=1, max=200, help="Patches a field is judged by.")] = 16,
) -> None:
    """Hold a bundle's graph for TensorRT against its rules, and let TensorRT parse it and build an engine of it.

    Needs TensorRT (pip install tensorrt-rtx) and no GPU; the engine is not kept, as a device builds its own.
    """
    from export.tensorrt_build import build
    from export.tensorrt_rules import problems

    checked = read_bundle(find_bundle(bundle), trusted_keys())
    if broken := problems(checked.graphs.tensorrt):
        raise ScannerError(f"tensorrt: {broken[0]}; export the bundle again")
    print("rules of TensorRT 8.6 to 11: kept")
    built = build(checked.graphs.tensorrt, checked.patch_rule.size_px, patches)
    print(built.line())
    if built.on_integers < built.convolutions:
        raise ScannerError("tensorrt: convolutions are left in floats; quantise otherwise, or change the architecture")
