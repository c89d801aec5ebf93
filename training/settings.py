"""The settings of one training run, and the presets. Plain data: importing this costs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from firmware_host.patches import PatchRule
from training.recipe import RULE

Inputs = Literal["difference", "difference+second"]
Backbone = Literal["mobilenet-v2", "mobilenet-v3-small"]
Schedule = Literal["one-cycle", "halving"]
Preset = Literal["default", "paper"]

PAIRS_PER_PLACE = 12  # in a lesson


@dataclass(frozen=True)
class FitSettings:
    """One training run; it goes into the checkpoint and from there into the bundle's manifest.

    :param stem_stride: pixels that the backbone's first convolution steps on by.
    :param patch: side of a patch, pixels.
    :param spectra: width of the layers that judge the patches' spectra beside what the backbone saw; 0: no spectra, as
        in the paper.
    :param layers: how many such layers follow the first.
    :param code: numbers that a calibration on the slide gives the network; 0: it cannot be calibrated, nor can it
        without spectra.
    :param schedule: "one-cycle" warms up and falls to zero once over the run, with AdamW; "halving" is the paper's,
        Adam with the rate halved every 20 epochs.
    :param batch: patch pairs of all processes together.
    :param examples: pairs of a place, of `PAIRS_PER_PLACE`, that calibrate for another place of its slide.
    :param rehearsed: earlier lessons whose spectra are judged again beside each new one; 0: none.
    :param validation: share of the slides that is not learnt from; the weights that err least on it are kept.
    :param texture_weight: weigh patches by their texture (the paper's phase 1), or all alike.
    :param phase_2: share of the run after which nearness to focus weighs too; 1: never.
    :param ema: decay of the averaged weights, which are the ones that are kept; 0 keeps the last ones.
    """

    backbone: Backbone = "mobilenet-v2"
    width: float = 0.5
    inputs: Inputs = "difference+second"
    stem_stride: int = 4
    spectra: int = 512
    layers: int = 2
    code: int = 8
    patch: int = RULE.size_px
    validation: float = 0.03
    steps: int = 6000
    batch: int = 240
    examples: int = 8
    rehearsed: int = 12
    schedule: Schedule = "one-cycle"
    peak_lr: float = 3e-3
    weight_decay: float = 1e-4
    texture_weight: bool = True
    phase_2: float = 0.5
    ema: float = 0.998
    seed: int = 1

    @property
    def code_size(self) -> int:
        """Numbers of the code that the network really takes."""
        return self.code if self.spectra else 0

    @property
    def rule(self) -> PatchRule:
        """How the network's patches are cut: the recipe's rule, at its own size."""
        return replace(RULE, size_px=self.patch)


PRESETS: dict[Preset, FitSettings] = {
    "default": FitSettings(),
    "paper": FitSettings(
        width=1.0,
        inputs="difference",
        stem_stride=2,
        spectra=0,
        code=0,
        schedule="halving",
        peak_lr=1e-3,
        weight_decay=0.0,
        ema=0.0,
    ),
}
