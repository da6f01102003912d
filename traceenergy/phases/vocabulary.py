"""Names of phases that reports, gates, rule files share."""

from __future__ import annotations

import re

UNCLASSIFIED = "unclassified"
BACKWARD = "bwd"
# Stages of serving that kernels of attention differ in.
STAGES = ("prefill", "decode")

# First-level phase -> name for people. Rule files may add parts, not first-level phases.
LABELS = {
    "attention": "Attention",
    "moe": "MoE",
    "mlp": "MLP",
    "allreduce": "AllReduce",
    "collective": "Other collectives",
    "norm": "Norm",
    "embedding": "Embedding",
    "lm_head": "LM head",
    "sampling": "Sampling",
    "quantize": "Quantize",
    "memory": "Memory",
    "optimizer": "Optimizer",
    "other": "Other",
    UNCLASSIFIED: "Unclassified",
}
LATENT_ATTENTION_LABEL = "MLA"
# Work of these kinds is no gradient of a layer, wherever it is launched.
WITHOUT_BACKWARD = frozenset({"memory", "optimizer", UNCLASSIFIED})

_SUBPHASE = re.compile(r"(?P<first>[a-z_]+)(?:\.(?P<part>[a-z0-9_]+))?(?:\.bwd)?")


def first_level(subphase: str) -> str:
    """Give the first-level phase of a subphase.

    Parameters
    ----------
    subphase : str
        Such as `moe.gather` or `moe`.

    Returns
    -------
    str
    """
    return subphase.partition(".")[0]


def phase_problem(phase: str) -> str | None:
    """Say what is wrong with a phase in a rule file.

    Parameters
    ----------
    phase : str
        Candidate: `first`, `first.part` or either with `.bwd`.

    Returns
    -------
    str or None
        None if it may be used.
    """
    match = _SUBPHASE.fullmatch(phase)
    if match is None:
        return f"phase {phase!r} is not of the form first.part in lower case"
    if match["first"] == UNCLASSIFIED:
        return f"phase {UNCLASSIFIED!r} is for work without a rule"
    if match["first"] not in LABELS:
        known = ", ".join(name for name in LABELS if name != UNCLASSIFIED)
        return f"unknown first-level phase {match['first']!r}; known: {known}"
    return None


def backward_of(subphase: str) -> str:
    """Give the name of a subphase's backward pass.

    Parameters
    ----------
    subphase : str

    Returns
    -------
    str
        Unchanged where there is no such thing, or where it is one already.
    """
    if first_level(subphase) in WITHOUT_BACKWARD or subphase.endswith(f".{BACKWARD}"):
        return subphase
    return f"{subphase}.{BACKWARD}"
