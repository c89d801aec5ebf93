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

    forward: `seen` (S, E, features), what the network sees of E pairs of patches in each of S sets, `move_dof` (S, E),
    the known answer to each, `weight` (S, E), texture -> (S, code), each number between -1 and 1.

    :param features: numbers per pair of patches; :param width: of the layers; :param code: numbers that come out.
    """

    def __init__(self, features: int, width: int, code: int) -> None:
        super().__init__()
        self.code = code
        self.example = nn.Sequential(
            nn.Linear(features + 1, width), nn.Hardswish(), nn.Linear(width, width), nn.Hardswish()
        )
        self.set = nn.Sequential(nn.Linear(width, width // 2), nn.Hardswish(), nn.Linear(width // 2, code), nn.Tanh())

    def forward(self, seen: Tensor, move_dof: Tensor, weight: Tensor) -> Tensor:
        examples = self.example(torch.cat([seen, move_dof[..., None] / _MOVE_UNIT_DOF], 2))
        mean = (examples * weight[..., None]).sum(1) / (weight.sum(1, keepdim=True) + 1e-6)
        code: Tensor = self.set(mean)
        return code
