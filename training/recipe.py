"""The shipped model's recipe: the figures that `make model` uses. Where they come from: docs/training.md."""

from __future__ import annotations

from firmware_host.optics import Objective
from firmware_host.patches import PatchRule

RULE = PatchRule(size_px=128, sampling=1 / 3, sampling_tolerance=0.15, delta_dof=2.0, min_weight=0.02)
MAX_MOVE_DOF = 6.5
LEARNT_MOVE_DOF = 7.2  # beyond what is asked: at the end of its range a network answers too little
NA_RANGE = (0.38, 0.80)
DELTA_TOLERANCE = 0.2
TEST_NA = (0.40, 0.65, 0.75)
SLIDES, TEST_SLIDES = 2000, 60
TEST_PATCHES = 16
DEFAULT_OPTICS = Objective(0.75)
DEFAULT_PIXEL_UM = 0.25
