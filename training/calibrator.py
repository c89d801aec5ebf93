"""Calibration: from pairs of frames whose answers are known to a few numbers that tell what is peculiar to a scanner.

The same defocus looks different through another condenser, another cover glass, a thicker section. Two frames alone
do not tell these apart; a few pairs on the same slide, at known distances from focus, do.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_MOVE_UNIT_DOF = 4.0


class Calibrator(nn.Module):
    """Sets of examples to one code each: every example by itself, their mean by texture, and what that means.

    The order of the examples does not count, and a set may be of any size (Zaheer et al., Deep Sets, NeurIPS 2017).

    forward: `spectra` (S · E, features) of pairs of patches, `move_dof` (S · E,) the known answer to each, `weight`
    (S · E,) texture, `sets` S -> (S, code), each number between -1 and 1.

    :param features: numbers per pair of patches; :param width: of the layers; :param code: numbers that come out.
    """

    def __init__(self, features: int, width: int, code: int) -> None:
        super().__init__()
        self.code = code
        self.norm = nn.BatchNorm1d(features, affine=False)
        self.example = nn.Sequential(
            nn.Linear(features + 1, width), nn.Hardswish(), nn.Linear(width, width), nn.Hardswish()
        )
        self.set = nn.Sequential(nn.Linear(width, width // 2), nn.Hardswish(), nn.Linear(width // 2, code), nn.Tanh())

    def forward(self, spectra: Tensor, move_dof: Tensor, weight: Tensor, sets: int) -> Tensor:
        known = torch.cat([self.norm(spectra), move_dof[:, None] / _MOVE_UNIT_DOF], 1)
        seen = (self.example(known) * weight[:, None]).unflatten(0, (sets, -1)).sum(1)
        total = weight.unflatten(0, (sets, -1)).sum(1, keepdim=True)
        code: Tensor = self.set(seen / (total + 1e-6))
        return code
