"""Training of the focus network: two phases of the weighted loss, one schedule over the whole run.

A plain loop on one machine. Same seed, same data, same number of threads: same weights.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from firmware_host.errors import ScannerError, UsageError
from training.data import Batch, PairSet
from training.evaluate import Errors, field_errors
from training.loss import focus_loss
from training.network import FocusNetwork, Inputs

_CHECKPOINT_SCHEMA = 1


@dataclass(frozen=True)
class FitSettings:
    """One training run.

    :param steps: batches in all; :param phase_2: share of the run after which nearness to focus weighs too.
    :param ema: decay of the averaged weights, which are the ones that are kept.
    """

    width: float = 0.5
    inputs: Inputs = "difference+second"
    fold: int = 2
    steps: int = 6000
    batch: int = 64
    peak_lr: float = 2e-3
    phase_2: float = 0.5
    weight_decay: float = 1e-4
    ema: float = 0.998
    seed: int = 1


@dataclass(frozen=True)
class Progress:
    """Where a run stands, told every `report_every` steps. `errors` only when it was evaluated there."""

    step: int
    steps: int
    loss: float
    seconds_left: float
    errors: Errors | None


def fit(
    train: PairSet,
    test: PairSet,
    settings: FitSettings,
    patches: int,
    report: Callable[[Progress], None],
    report_every: int = 200,
    evaluate_every: int = 2000,
) -> FocusNetwork:
    """Train a network and return its averaged weights in evaluation mode.

    :param patches: a test field is judged by this many patches.
    :raises ScannerError: the loss is no longer finite.
    """
    torch.manual_seed(settings.seed)
    torch.use_deterministic_algorithms(True)
    network = FocusNetwork(settings.width, settings.inputs, settings.fold)
    network.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.peak_lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.peak_lr, total_steps=settings.steps, pct_start=0.15, div_factor=10, final_div_factor=100
    )
    began, running = time.monotonic(), 0.0
    network.train()
    for step, batch in enumerate(_batches(train, settings)):
        loss = _loss(network, batch, step / settings.steps, settings)
        if not torch.isfinite(loss):
            raise ScannerError(f"training: the loss is {loss.item()} at step {step}; use a lower --peak-lr")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _average(averaged, network, min(settings.ema, (step + 1) / (step + 10)))
        running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
        done = step + 1
        if done % report_every == 0 or done == settings.steps:
            evaluated = done % evaluate_every == 0 or done == settings.steps
            errors = field_errors(averaged, test, patches) if evaluated else None
            left = (time.monotonic() - began) / done * (settings.steps - done)
            report(Progress(done, settings.steps, running, left, errors))
    return averaged


def _batches(train: PairSet, settings: FitSettings) -> Iterator[Batch]:
    """The run's batches in order, the next one being drawn while one is learnt from."""
    with ThreadPoolExecutor(1) as ahead:
        waiting = ahead.submit(train.batch, 0, settings.batch, settings.seed)
        for step in range(settings.steps):
            batch = waiting.result()
            waiting = ahead.submit(train.batch, step + 1, settings.batch, settings.seed)
            yield batch


def save_checkpoint(path: Path, network: FocusNetwork, settings: FitSettings) -> None:
    """Write the weights and the settings they came from, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save({"schema": _CHECKPOINT_SCHEMA, "settings": asdict(settings), "weights": network.state_dict()}, part)
    part.replace(path)


def load_checkpoint(path: Path) -> tuple[FocusNetwork, FitSettings]:
    """Read a checkpoint without executing anything that is in it.

    :raises UsageError: it is missing, damaged or from another version.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        settings = FitSettings(**content["settings"])
        network = FocusNetwork(settings.width, settings.inputs, settings.fold)
        network.load_state_dict(content["weights"])
    except Exception as error:
        raise UsageError(
            f"checkpoint {path}: cannot be used: {(str(error) or type(error).__name__).splitlines()[0]}"
        ) from error
    return network.eval(), settings


def _loss(network: FocusNetwork, batch: Batch, progress: float, settings: FitSettings) -> Tensor:
    images, weight = network.prepare(torch.from_numpy(batch.first), torch.from_numpy(batch.second))
    raw = network.backbone(images.contiguous(memory_format=torch.channels_last))
    move = network.output(raw)
    phase_2 = progress >= settings.phase_2
    return focus_loss(move, torch.from_numpy(batch.move_dof), weight, 2 if phase_2 else 1)


@torch.no_grad()
def _average(averaged: FocusNetwork, network: FocusNetwork, decay: float) -> None:
    for old, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - decay)
        else:
            old.copy_(new)
