"""Training of the focus network: two phases of the weighted loss over one schedule, on one or many processors.

Lightning Fabric places the work (CPU, GPUs, nodes); the loop is plain. A batch is a function of the seed, the step
and the process, so a run that was killed and goes on ends with the same weights as one that was not.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from firmware_host.errors import ScannerError
from training.augment import developed
from training.checkpoint import load_run, load_weights, save_checkpoint, save_run
from training.data import PairSet
from training.evaluate import Errors, field_errors
from training.lessons import Lesson, Lessons
from training.loss import focus_loss
from training.network import FocusNetwork
from training.rehearsal import Rehearsal, Seen, joined
from training.settings import FitSettings

_HALVING_EPOCHS = 20
_VALIDATION_FIELDS = 400


@dataclass(frozen=True)
class Progress:
    """Where a run stands. `errors` only when it was evaluated there."""

    step: int
    steps: int
    loss: float
    seconds_left: float
    errors: Errors | None


@dataclass(frozen=True)
class Pace:
    """How often a run stops to tell, to validate and to save, in steps."""

    report: int = 200
    evaluate: int = 2000
    save: int = 500


def fit(
    fabric: Fabric,
    train: PairSet,
    validation: PairSet,
    settings: FitSettings,
    patches: int,
    min_weight: float,
    out: Path,
    report: Callable[[Progress], None],
    *,
    resume: bool = False,
    pretrained: Path | None = None,
    begin_with: Path | None = None,
    pace: Pace = Pace(),
) -> None:
    """Train a network; the weights that erred least on the validation set go to `out`, the run's state beside it.

    :param fabric: launched; :param patches, min_weight: a field of it is judged by this many patches, those with at
        least this much texture.
    :param resume: go on from the run's state. :param pretrained: torchvision's weights to start from.
    :param begin_with: a checkpoint whose weights to start from; only what makes up its network must be as here.
    :raises ScannerError: the loss is no longer finite. :raises UsageError: there is nothing fit to resume.
    """
    run = _Run(fabric, settings, len(train), pretrained, begin_with)
    state_file = run_state(out)
    begun = {**asdict(settings), "stacks of checksum": train.checksum, "processes": fabric.world_size}
    start = 0
    if resume:
        start, state = load_run(state_file, begun)
        run.restore(state)
    rehearsal = None
    seen_file = out.with_suffix(f".seen{fabric.global_rank}")
    if run.rehearses and start < settings.steps:
        rehearsal = Rehearsal(seen_file, fabric.device, start)
    began = time.monotonic()
    for step, lesson in _lessons(fabric, train, settings, start):
        run.learn(step, lesson, rehearsal)
        done = step + 1
        last = done == settings.steps
        errors = None
        if fabric.is_global_zero and (done % pace.evaluate == 0 or last):
            errors = field_errors(run.averaged, validation, patches, _VALIDATION_FIELDS, min_weight)
            run.keep_best(errors.mean)
        if rehearsal is not None and (done % pace.save == 0 or last):
            rehearsal.keep()
        if fabric.is_global_zero and (done % pace.save == 0 or last):
            save_run(state_file, begun, done, run.state())
        if done % pace.report == 0 or errors is not None:
            left = (time.monotonic() - began) / (done - start) * (settings.steps - done)
            report(Progress(done, settings.steps, run.loss, left, errors))
    if fabric.is_global_zero:
        save_checkpoint(out, run.best, settings)
    if rehearsal is not None:
        rehearsal.close()
    seen_file.unlink(missing_ok=True)
    fabric.barrier()


def run_state(out: Path) -> Path:
    """Where the state of the run that makes the checkpoint `out` lies."""
    return out.with_suffix(".run")


class _Run:
    """Everything that changes while a run goes on."""

    def __init__(
        self, fabric: Fabric, settings: FitSettings, pairs: int, pretrained: Path | None, begin_with: Path | None
    ) -> None:
        torch.manual_seed(settings.seed)
        torch.use_deterministic_algorithms(True, warn_only=fabric.device.type != "cpu")
        self._fabric = fabric
        self._settings = settings
        network = FocusNetwork.of(settings)
        if pretrained is not None:
            network.load_pretrained(pretrained)
        if begin_with is not None:
            load_weights(network, begin_with)
        network.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(network).eval().to(fabric.device)
        halving = settings.schedule == "halving"
        optimiser = (torch.optim.Adam if halving else torch.optim.AdamW)(
            network.parameters(), lr=settings.peak_lr, weight_decay=settings.weight_decay
        )
        self._module, self._optimiser = fabric.setup(network, optimiser)
        self._module.mark_forward_method("learn")
        self._network = network
        self._schedule: Any = (
            torch.optim.lr_scheduler.StepLR(optimiser, max(1, _HALVING_EPOCHS * pairs // settings.batch), 0.5)
            if halving
            else torch.optim.lr_scheduler.OneCycleLR(
                optimiser,
                settings.peak_lr,
                total_steps=settings.steps,
                pct_start=0.15,
                div_factor=10,
                final_div_factor=100,
            )
        )
        network.train()
        self.loss = float("nan")
        self.best: dict[str, Tensor] = {}
        self._best_error = float("inf")

    @property
    def rehearses(self) -> bool:
        """Whether earlier lessons are asked again: only spectra can be."""
        return self._settings.rehearsed > 0 and self._network.spectra is not None

    def learn(self, step: int, lesson: Lesson, rehearsal: Rehearsal | None) -> None:
        """One new lesson, and some of the earlier ones."""
        settings, fabric = self._settings, self._fabric
        # Dropout too is a function of the step, so that a resumed run draws what an unbroken one does.
        torch.manual_seed(hash((settings.seed, step, fabric.global_rank)))
        rng = np.random.default_rng([settings.seed, step, fabric.global_rank, 1])
        images, seen = self._seen(lesson, rng)
        if rehearsal is not None:
            rehearsal.add(step, seen)
            seen = joined([seen, *rehearsal.draw(settings.rehearsed, step, rng)])
        move = self._module.learn(images, seen.spectra, seen.texture, seen.optics, seen.shown_dof, seen.teacher)
        truth, weight = seen.move_dof, seen.texture
        if not settings.texture_weight:
            weight = torch.ones_like(weight)
        phase_2 = step >= settings.phase_2 * settings.steps
        loss = focus_loss(move, truth, weight, 2 if phase_2 else 1)
        value = float(loss.item())
        if not np.isfinite(value):
            raise ScannerError(f"training: the loss is {value} at step {step}; use a lower --peak-lr")
        self._optimiser.zero_grad(set_to_none=True)
        fabric.backward(loss)
        fabric.clip_gradients(self._module, self._optimiser, max_norm=1.0)
        self._optimiser.step()
        self._schedule.step()
        self._average(min(settings.ema, (step + 1) / (step + 10)))
        self.loss = value if np.isnan(self.loss) else 0.98 * self.loss + 0.02 * value

    @torch.no_grad()
    def _seen(self, lesson: Lesson, rng: np.random.Generator) -> tuple[Tensor, Seen]:
        """The images that are looked at, and all else of a lesson, as a camera of its own took it."""
        pairs, device = lesson.pairs, self._fabric.device
        first, second, truth, optics, shown, teacher = (
            torch.from_numpy(part).to(device)
            for part in (pairs.first, pairs.second, pairs.move_dof, lesson.optics, lesson.shown_dof, lesson.teacher)
        )
        images, spectra, texture = self._network.see(*developed(first, second, lesson.camera, rng))
        return images, Seen(spectra, texture, truth, optics, shown, teacher)

    def keep_best(self, error: float) -> None:
        """Keep the averaged weights when they err less than all before."""
        if error < self._best_error:
            self._best_error = error
            self.best = {name: value.cpu().clone() for name, value in self.averaged.state_dict().items()}

    def state(self) -> dict[str, Any]:
        return {
            "network": self._network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "loss": self.loss,
            "best": self.best,
            "best_error": self._best_error,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self.loss, self.best, self._best_error = state["loss"], state["best"], state["best_error"]

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        for old, new in zip(self.averaged.state_dict().values(), self._network.state_dict().values(), strict=True):
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - decay)
            else:
                old.copy_(new)


def _lessons(fabric: Fabric, train: PairSet, settings: FitSettings, start: int) -> Iterator[tuple[int, Lesson]]:
    """This process's share of the run's lessons in order, the next one being drawn while one is learnt from."""
    examples = settings.examples if settings.code_size else 0
    source = Lessons(train, settings.batch // fabric.world_size, examples, settings.seed)

    def draw(step: int) -> Lesson:
        return source.lesson(step * fabric.world_size + fabric.global_rank)

    with ThreadPoolExecutor(1) as ahead:
        waiting = ahead.submit(draw, start)
        for step in range(start, settings.steps):
            lesson = waiting.result()
            if step + 1 < settings.steps:
                waiting = ahead.submit(draw, step + 1)
            yield step, lesson
