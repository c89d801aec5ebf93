"""Checkpoints: a finished network for evaluation and export, and the whole state of a run that goes on later.

Both are read without executing anything that is in them, and written whole.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from firmware_host.errors import UsageError
from firmware_host.whole_file import whole_file
from training.network import FocusNetwork
from training.settings import FitSettings

SHIPPED = Path(__file__).parent / "models"

_SCHEMA = 7


def find_checkpoint(name_or_path: Path) -> Path:
    """The path of a checkpoint: a shipped one by its name, such as focus-20x, or the path itself."""
    shipped = SHIPPED / f"{name_or_path.name}.pt"
    return shipped if name_or_path.parent == Path() and shipped.is_file() else name_or_path


def save_checkpoint(path: Path, weights: dict[str, Tensor], settings: FitSettings) -> None:
    """Write a network's weights and the settings they came from."""
    _save(path, {"schema": _SCHEMA, "settings": asdict(settings), "weights": weights})


def load_checkpoint(path: Path) -> tuple[FocusNetwork, FitSettings]:
    """A network in evaluation mode, and its settings.

    :param path: or the name of a shipped one.
    :raises UsageError: the file is missing, damaged or from another version.
    """
    content = _load(find_checkpoint(path), "checkpoint")
    try:
        settings = FitSettings(**content["settings"])
        network = FocusNetwork.of(settings)
        network.load_state_dict(content["weights"])
    except Exception as error:
        raise UsageError(f"checkpoint {path}: cannot be used: {_first_line(error)}; train again") from error
    return network.eval(), settings


def load_weights(network: FocusNetwork, path: Path) -> None:
    """Put a checkpoint's weights into a network that is made as the checkpoint's is.

    :raises UsageError: the file cannot be used, or the networks differ.
    """
    theirs, settings = load_checkpoint(path)
    try:
        network.load_state_dict(theirs.state_dict())
    except RuntimeError as error:
        raise UsageError(
            f"checkpoint {path}: of another network, {settings}; give its options, or train anew"
        ) from error


def save_run(path: Path, begun: dict[str, Any], step: int, state: dict[str, Any]) -> None:
    """Write all that a run needs to go on after `step` batches.

    :param begun: how it was started, by name: all that it must go on with.
    """
    _save(path, {"schema": _SCHEMA, "begun": begun, "step": step, "state": state})


def load_run(path: Path, begun: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """(batches done, state) of a run that was started in this very way.

    :raises UsageError: the file is missing, damaged, or of a run that was started otherwise; the message says how.
    """
    content = _load(path, "run")
    for name, ours in begun.items():
        theirs = content["begun"].get(name)
        if theirs != ours:
            raise UsageError(
                f"run {path}: was started with {name} {theirs}, not {ours}; give the same options, or remove it"
            )
    return int(content["step"]), content["state"]


def _save(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        torch.save(content, part)


def _load(path: Path, what: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        schema = content["schema"]
    except Exception as error:
        raise UsageError(f"{what} {path}: cannot be used: {_first_line(error)}") from error
    if schema != _SCHEMA:
        raise UsageError(f"{what} {path}: cannot be used: written by another version (schema {schema}); train again")
    return content


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
