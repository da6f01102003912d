"""Which of two range paths tells what work is: where it was captured or where it was launched."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from traceenergy.phases.match import NO_MATCH
from traceenergy.phases.range_tree import OUTSIDE, grow_tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceenergy.phases.range_tree import RangeTree
    from traceenergy.phases.rules import RuleSet
    from traceenergy.trace.tables import RangePaths


def telling_path(
    launch_path_id: pl.Series,
    capture_path_id: pl.Series,
    paths: RangePaths,
    names: pl.Series,
    rules: RuleSet,
) -> pl.Series:
    """Choose the path by which each piece of work is classified.

    Parameters
    ----------
    launch_path_id : polars.Series of UInt32 (n_work,)
        Path of the ranges around the launch; null outside every range.
    capture_path_id : polars.Series of UInt32 (n_work,)
        Path of the ranges in which its graph node was made; null where there is none.
    paths : RangePaths
    names : polars.Series of String
        Text by id.
    rules : RuleSet

    Returns
    -------
    polars.Series of UInt32 (n_work,)

    Notes
    -----
    A graph is launched once for all its layers, so the path at capture tells more. Where only the
    launch names a layer (one small graph for each layer, captured elsewhere), or a phase when
    neither names a layer, the path at launch is taken.
    """
    if capture_path_id.null_count() == len(capture_path_id):
        return launch_path_id
    ask = partial(_how_much_told, rules=rules)
    tree = grow_tree(paths, names, ask)
    told = ask(tree)[tree.of_path]
    at_launch, at_capture = _rows(launch_path_id), _rows(capture_path_id)
    use_capture = (at_capture != OUTSIDE) & (told[at_capture] >= told[at_launch])
    return capture_path_id.zip_with(pl.Series(use_capture), launch_path_id)


def _how_much_told(tree: RangeTree, rules: RuleSet) -> NDArray[np.int64]:
    on_ranges = [(i, rule) for i, rule in enumerate(rules.rules) if rule.kernel is None]
    names_phase = tree.first_rule(on_ranges) != NO_MATCH
    names_layer = tree.layers(rules.layer_patterns) != NO_MATCH
    return np.where(names_layer, 2, 0) + np.where(names_phase, 1, 0)


def _rows(path_id: pl.Series) -> NDArray[np.int64]:
    return (path_id.cast(pl.Int64) + 1).fill_null(OUTSIDE).to_numpy()
