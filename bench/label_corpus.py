"""Runs with known labels, as `fixtures/labels/corpus.toml` lists them."""

from __future__ import annotations

import shlex
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from traceenergy.cli.app import main as traceenergy

MANIFEST = Path(__file__).parents[1] / "fixtures" / "labels" / "corpus.toml"


@dataclass(frozen=True)
class Case:
    """One run of the corpus.

    Attributes
    ----------
    name, evidence, options
        As in the manifest.
    layers_from
        Case of the marked run that tells the layers; None for none.
    """

    name: str
    evidence: str
    options: str
    layers_from: str | None = None

    def words(self, out: Path, seed: int) -> list[str]:
        """Write the command that makes the run."""
        return [
            "simulate", "--out", str(out), *shlex.split(self.options), "--power", "none",
            "--seed", str(seed), "--quiet", "--force",
        ]  # fmt: skip

    def make(self, folder: Path, seed: int) -> Path:
        """Make the run, unless it is there already.

        Parameters
        ----------
        folder : Path
            Of the corpus.
        seed : int
            Of the run.

        Returns
        -------
        Path
            Folder of the run.
        """
        out = folder / f"{self.name}-{seed}"
        if not (out / "truth.json").exists():
            try:
                traceenergy(self.words(out, seed))
            except SystemExit as left:
                if left.code:
                    sys.exit(f"{self.name} of the corpus cannot be simulated")
        return out


def read_corpus() -> tuple[list[Case], list[str]]:
    """Read the manifest.

    Returns
    -------
    cases : list of Case
    recorded : list of str
        Names of recorded traces without transformer.
    """
    content = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    return [Case(**case) for case in content["case"]], content["recorded"]["nothing"]
