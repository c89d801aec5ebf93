"""A bundle's manifest and stand-ins for its graphs, for tests."""

from __future__ import annotations

from firmware_host.bundle import SCHEMA_VERSION, Graphs, Manifest

MANIFEST = Manifest(
    schema_version=SCHEMA_VERSION,
    name="test",
    size_px=128,
    sampling=1 / 3,
    sampling_tolerance=0.15,
    delta_dof=2.0,
    delta_tolerance=0.1,
    min_weight=0.02,
    move_range_dof=(-6.0, 6.0),
    na_range=(0.6, 0.8),
    output_unit="dof",
    sign="z of focus minus z of the second frame, positive = up",
    metrics={},
    sha256={},
    tools={},
)

GRAPHS = Graphs(b"int8 graph", b"tensorrt graph", b"fp32 graph", b"calibration graph")
