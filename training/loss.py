"""The weighted smooth-L1 loss of Dastidar & Ethirajan (Biomed. Opt. Express 11(1):480-491), in two phases."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

Phase = Literal[1, 2]


def focus_loss(predicted_dof: Tensor, true_dof: Tensor, weight: Tensor, phase: Phase) -> Tensor:
    """Mean smooth-L1 error, weighted by each patch's texture, in phase 2 also by its nearness to focus.

    The distance weight is 1/(ln(|d|+1)+1). The paper's d is in um; here it is in depths of field, as everything is.

    :param predicted_dof, true_dof: (N,) moves, DoF; :param weight: (N,) texture >= 0, not all 0.
    :returns: scalar, normalised by the sum of the weights.
    """
    if phase == 2:
        weight = weight / (torch.log1p(true_dof.abs()) + 1)
    error = smooth_l1_loss(predicted_dof, true_dof, reduction="none")
    return (error * weight).sum() / weight.sum()
