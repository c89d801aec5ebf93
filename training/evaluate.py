"""How far off a network is, in um and in depths of field: per patch, and per field after the vote, as on the device."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from firmware_host.errors import UsageError
from firmware_host.focus.calibration import shows_code
from firmware_host.focus.correction import Correction, fitted
from firmware_host.focus.vote import vote
from firmware_host.inference.port import PatchModel, completed
from training.data import Batch, Field, Fields, PairSet, joined
from training.network import FocusNetwork

Codes = Callable[[str], NDArray[np.float32]]
"""Name of a stack -> the code of its scanner and slide; what it does not reach to is unknown."""

Corrections = Callable[[str], Correction]
"""Name of a stack -> how answers that were given with its code are to be corrected."""

_CHUNK = 64
_NEAR_DOF = 3.0
_MIN_PATCHES = 2
_MOST_GROUPS = 8  # stacks of a random objective each are no groups


@dataclass(frozen=True)
class Judged:
    """One field and what the network said of it.

    :param predicted_um, spread_um: of the vote; None when too few patches had texture (the field is blank).
    :param patch_errors_um: predicted less true move of each patch that voted.
    """

    field: Field
    predicted_um: float | None
    spread_um: float | None
    patch_errors_um: NDArray[np.float64]

    @property
    def patches(self) -> int:
        """How many patches voted."""
        return len(self.patch_errors_um)

    @property
    def error_um(self) -> float | None:
        """Predicted less true move."""
        return None if self.predicted_um is None else self.predicted_um - self.field.move_um


@dataclass(frozen=True)
class Errors:
    """Errors of many fields. `mean`, `p95` and `near` are in depths of field, `mean_um` and `patch_mean_um` in um.

    :param fields: judged; :param blank: fields that had too few textured patches.
    :param near: mean absolute error of the fields within 3 DoF of focus, where the loop ends.
    :param within_half: share of the fields that err by DoF/2 at most.
    :param wrong_direction: share of the fields farther than DoF/2 from focus that would move away from it.
    """

    fields: int
    blank: int
    patch_mean_um: float
    mean_um: float
    mean: float
    near: float
    p95: float
    within_half: float
    wrong_direction: float

    def line(self) -> str:
        """One line for the terminal."""
        return (
            f"{self.fields} fields: {self.mean_um:.3f} um = {self.mean:.3f} DoF (near focus {self.near:.3f}, "
            f"P95 {self.p95:.3f}), patch {self.patch_mean_um:.3f} um, within DoF/2 {self.within_half:.1%}, "
            f"wrong direction {self.wrong_direction:.2%}"
        )


class TorchModel:
    """A `PatchModel` (`firmware_host.inference.port`) that torch runs, in small chunks, where the network is."""

    def __init__(self, network: FocusNetwork) -> None:
        self._network = network
        self._device = next(network.parameters()).device

    def predict(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], code: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        moves, weights = [], []
        known = None
        if self._network.code_size:
            known = torch.from_numpy(completed(code, self._network.code_size)).to(self._device)
        with torch.inference_mode():
            for start in range(0, len(first), _CHUNK):
                part = slice(start, start + _CHUNK)
                pair = (torch.from_numpy(images[part]).to(self._device) for images in (first, second))
                move, weight = self._network(*pair, known)
                moves.append(move.cpu().numpy())
                weights.append(weight.cpu().numpy())
        return np.concatenate(moves), np.concatenate(weights)

    def calibrate(self, examples: Batch) -> NDArray[np.float32]:
        """The code of the slide that the examples were taken on."""
        with torch.inference_mode():
            arrays = (examples.first, examples.second, examples.move_dof)
            code: NDArray[np.float32] = (
                self._network.calibrate(*(torch.from_numpy(array).to(self._device) for array in arrays)).cpu().numpy()
            )
        return code


def codes_from(calibrate: Callable[[Batch], NDArray[np.float32]], pairs: PairSet, patches: int) -> Codes:
    """Every stack calibrated by other places of its slide, never by its own; each once, however often it is asked."""
    unknown = uncalibrated(pairs)

    @functools.cache
    def code(stack: str) -> NDArray[np.float32]:
        near = [each for each in pairs.examples(stack, patches) if shows_code(float(each.move_dof[0]))]
        return np.concatenate([unknown(stack), calibrate(joined(near))]) if near else unknown(stack)

    return code


def uncalibrated(pairs: PairSet) -> Codes:
    """Of no stack more is known than its optics."""
    number = {stack.name: at for at, stack in enumerate(pairs.stacks)}
    return lambda stack: pairs.optics_code(number[stack])


def corrections_from(model: PatchModel, codes: Codes, pairs: PairSet, patches: int, min_weight: float) -> Corrections:
    """Every stack's answers corrected by what the model says of other places of its slide, as on the device."""

    @functools.cache
    def correction(stack: str) -> Correction:
        examples = pairs.examples(stack, patches)
        if not examples:
            return Correction()
        asked = joined(examples)
        moves, weights = model.predict(asked.first, asked.second, codes(stack))
        ends = np.cumsum([len(each.move_dof) for each in examples])[:-1]
        said, known = [], []
        for each, move, weight in zip(examples, np.split(moves, ends), np.split(weights, ends), strict=True):
            result = vote(move, weight, min_weight, _MIN_PATCHES)
            if result is not None:
                said.append(result.value)
                known.append(float(each.move_dof[0]))
        return fitted(said, known)

    return correction


def uncorrected(_stack: str) -> Correction:
    """Of every stack the answers as they are given."""
    return Correction()


def judge(
    model: PatchModel, codes: Codes, fields: Fields, min_weight: float, corrections: Corrections = uncorrected
) -> list[Judged]:
    """Ask for every patch, let the patches of each field vote, correct the vote."""
    patches = fields.patches
    moves, weights = (np.empty(len(fields.number), np.float32) for _ in range(2))
    stack_of = np.array([field.stack for field in fields.fields])[fields.number]
    correction_of = {}
    for name in np.unique(stack_of).tolist():
        of = np.flatnonzero(stack_of == name)
        moves[of], weights[of] = model.predict(patches.first[of], patches.second[of], codes(name))
        correction_of[name] = corrections(name)
    judged = []
    for number, field in enumerate(fields.fields):
        of = fields.number == number
        result = vote(moves[of], weights[of], min_weight, _MIN_PATCHES)
        dof_um = field.optics.depth_of_field_um
        if result is None:
            judged.append(Judged(field, None, None, np.empty(0)))
        else:
            correction = correction_of[field.stack]
            voters = np.array([correction.apply(move) for move in moves[of][weights[of] >= min_weight].tolist()])
            value, spread = correction.apply(result.value), correction.scale(result.value) * result.spread
            judged.append(Judged(field, value * dof_um, spread * dof_um, voters * dof_um - field.move_um))
    return judged


def field_errors(network: FocusNetwork, pairs: PairSet, patches: int, count: int, min_weight: float) -> Errors:
    """Errors over `count` pairs of frames spread over the set, calibrated where that is possible."""
    model = TorchModel(network)
    codes = uncalibrated(pairs) if network.calibrator is None else codes_from(model.calibrate, pairs, patches)
    return summarise(judge(model, codes, pairs.fields(count, patches, seed=5), min_weight))


def by_objective(judged: Sequence[Judged]) -> dict[str, Errors]:
    """Errors of all fields, and of those of each objective where there are several."""
    groups: dict[str, list[Judged]] = {"all": list(judged)}
    apertures = sorted({each.field.optics.na for each in judged})
    if len(apertures) <= _MOST_GROUPS:
        for na in apertures:
            groups[f"NA {na:g}"] = [each for each in judged if each.field.optics.na == na]
    return {name: summarise(group) for name, group in groups.items()}


def summarise(judged: Sequence[Judged]) -> Errors:
    """:raises UsageError: no field was judged."""
    answered = [each for each in judged if each.error_um is not None]
    if not answered:
        raise UsageError(
            f"stacks: none of {len(judged)} test fields holds {_MIN_PATCHES} patches with texture; use larger planes "
            "with something to see"
        )
    error_um = np.array([each.error_um for each in answered], np.float64)
    dof_um = np.array([each.field.optics.depth_of_field_um for each in answered])
    truth = np.array([each.field.move_um for each in answered]) / dof_um
    error = error_um / dof_um
    size = np.abs(error)
    far = np.abs(truth) > 0.5
    near = np.abs(truth) <= _NEAR_DOF
    wrong = np.sign(error + truth) != np.sign(truth)
    return Errors(
        fields=len(answered),
        blank=len(judged) - len(answered),
        patch_mean_um=float(np.mean([np.abs(each.patch_errors_um).mean() for each in answered])),
        mean_um=float(np.abs(error_um).mean()),
        mean=float(size.mean()),
        near=float(size[near].mean()) if near.any() else float("nan"),
        p95=float(np.percentile(size, 95)),
        within_half=float((size <= 0.5).mean()),
        wrong_direction=float(wrong[far].mean()) if far.any() else 0.0,
    )
