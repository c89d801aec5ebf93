"""How far off the network is, in um: per patch, and per field after the vote, as on the device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from firmware_host.focus.vote import vote
from training.data import Batch, PairSet
from training.network import FocusNetwork

_CHUNK = 64
_NEAR_DOF = 3.0


@dataclass(frozen=True)
class Errors:
    """Errors in depths of field (DoF), multiplied by the objective's DoF they are um.

    :param fields: judged; :param blank: fields that had too few textured patches.
    :param near: mean absolute error of the fields within 3 DoF of focus, where the loop ends.
    """

    fields: int
    blank: int
    patch_mean: float
    mean: float
    near: float
    p95: float
    within_half: float
    wrong_direction: float

    def line(self) -> str:
        """One line for the terminal."""
        return (
            f"field {self.mean:.3f} DoF (near focus {self.near:.3f}, P95 {self.p95:.3f}), patch {self.patch_mean:.3f}, "
            f"within DoF/2 {self.within_half:.1%}, wrong direction {self.wrong_direction:.2%}"
        )


def predict(network: FocusNetwork, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N,) moves in DoF and (N,) weights, in small chunks."""
    moves, weights = [], []
    with torch.inference_mode():
        for start in range(0, len(batch.first), _CHUNK):
            part = slice(start, start + _CHUNK)
            move, weight = network(torch.from_numpy(batch.first[part]), torch.from_numpy(batch.second[part]))
            moves.append(move.numpy())
            weights.append(weight.numpy())
    return np.concatenate(moves), np.concatenate(weights)


def field_errors(
    network: FocusNetwork, pairs: PairSet, patches: int, count: int = 400, min_weight: float = 0.02
) -> Errors:
    """Errors over `count` pairs of frames spread over the set."""
    batch = pairs.fields(count, patches, seed=5)
    return summarise(batch, *predict(network, batch), min_weight)


def summarise(batch: Batch, moves: NDArray[np.float32], weights: NDArray[np.float32], min_weight: float) -> Errors:
    """Vote field by field and compare with the truth."""
    errors, truths = [], []
    blank = 0
    for number in np.unique(batch.field):
        of = batch.field == number
        result = vote(moves[of], weights[of], min_weight, min_patches=2)
        if result is None:
            blank += 1
            continue
        truths.append(float(batch.move_dof[of][0]))
        errors.append(result.value - truths[-1])
    error, truth = np.array(errors), np.array(truths)
    size = np.abs(error)
    wrong = (np.sign(error + truth) != np.sign(truth)) & (np.abs(truth) > 0.5)
    near = np.abs(truth) <= _NEAR_DOF
    return Errors(
        fields=len(error),
        blank=blank,
        patch_mean=float(np.abs(moves - batch.move_dof).mean()),
        mean=float(size.mean()),
        near=float(size[near].mean()),
        p95=float(np.percentile(size, 95)),
        within_half=float((size <= 0.5).mean()),
        wrong_direction=float(wrong.mean()),
    )
