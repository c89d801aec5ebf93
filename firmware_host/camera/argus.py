"""What the pipeline of a Jetson's camera (nvarguscamerasrc) must say so that nothing in it is automatic.

OpenCV cannot set or read anything of such a pipeline, so its text is all that can be checked. The element's properties
are those of NVIDIA's Jetson Linux documentation (`gst-inspect-1.0 nvarguscamerasrc`).
"""

from __future__ import annotations

import re

from firmware_host.errors import UsageError
from firmware_host.profile_tables import CameraTable

SOURCE = "nvarguscamerasrc"
_TOLERANCE = 0.05


def check_pipeline(pipeline: str, table: CameraTable) -> None:
    """Nothing to say of a pipeline with another source.

    :raises UsageError: something is automatic, or not what the profile says; the message tells what to write.
    """
    if SOURCE not in pipeline:
        return
    exposure_ns = round(table.exposure_ms * 1e6)
    _check_range(pipeline, "exposuretimerange", exposure_ns, "camera.exposure_ms")
    _check_range(pipeline, "gainrange", table.gain, "camera.gain")
    _check_range(pipeline, "ispdigitalgainrange", 1, "no gain after the sensor")
    for name, wrong, wanted, why in (
        ("wbmode", {None, "1"}, "5", "a fixed white balance"),
        # The others of these mix a frame with those before it, or draw edges that are not there.
        ("tnr-mode", {None, "1", "2"}, "0", "no frame from before the stage had settled"),
        ("ee-mode", {None, "1", "2"}, "0", "no sharpening"),
    ):
        if _property(pipeline, name) in wrong:
            raise UsageError(f"camera.source: write {name}={wanted} behind {SOURCE}: {why}")


def _check_range(pipeline: str, name: str, wanted: float, why: str) -> None:
    text = _property(pipeline, name)
    try:
        bounds = [float(part) for part in (text or "").split()]
    except ValueError:
        bounds = []
    if len(bounds) != 2 or any(abs(bound - wanted) > _TOLERANCE * wanted for bound in bounds):
        raise UsageError(f'camera.source: write {name}="{wanted:.12g} {wanted:.12g}" behind {SOURCE}: {why}')


def _property(pipeline: str, name: str) -> str | None:
    """The value of the source element's property, without quotes."""
    element = pipeline[pipeline.index(SOURCE) :].split("!", maxsplit=1)[0]
    found = re.search(rf"""(?<![\w-]){name}\s*=\s*("[^"]*"|'[^']*'|\S+)""", element)
    return found[1].strip("\"'") if found else None
