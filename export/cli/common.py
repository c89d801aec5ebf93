"""What the subcommands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MODELS = Path(__file__).parents[2] / "firmware_host" / "models"
DEFAULT_KEY = Path.home() / ".config" / "wsi-scanner" / "signing.key"

Key = Annotated[Path, typer.Option(help="Private signing key; made when it does not exist.")]
INT8_PATCHES, INT8_SEED = 768, 77  # that INT8 is calibrated with
