"""Edges that outlive the processes that make them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from edge_pipe import HERE, Edges


@pytest.fixture
def edges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edges:
    monkeypatch.setenv("WSI_EDGES", str(tmp_path / "edges"))
    path = os.pathsep.join([str(HERE), str(HERE.parents[2]), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    return Edges(tmp_path / "edges")
