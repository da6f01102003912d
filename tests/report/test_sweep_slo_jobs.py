"""Objectives of a sweep whose runs other processes read: the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import traceenergy as te
from tests.read.dask_cluster import cluster
from tests.sweep.fleet import fleet
from traceenergy.read.options import Workers
from traceenergy.report.sweep_json import render_sweep_json
from traceenergy.sweeps.slo import parse_clocks, parse_slos
from traceenergy.sweeps.slo_of_runs import SloAsk

if TYPE_CHECKING:
    from pathlib import Path

KEPT = ("step_s", "kind", "start_ns", "energy_j", "tokens", "batch", "context_tokens",
        "prefill_tokens", "clock_mhz")  # fmt: skip


def described(folder: Path) -> Path:
    """Write the steps of a small fleet, with a description that names them."""
    tables = []
    for i, run in enumerate(fleet(n_steps=70, clocks_mhz=(900, 1400, 1900), batches=(16,))):
        run.steps.select(KEPT).write_csv(folder / f"steps{i}.csv")
        told = {
            "label": repr(run.setting.label), "gpus": 1, "clock_mhz": run.setting.clock_mhz,
            "batch": 16, "elapsed_s": run.elapsed_s, "energy_j": run.total_j,
            "output_tokens": run.output_tokens, "steps": repr(f"steps{i}.csv"),
        }  # fmt: skip
        tables.append("\n".join(["[[run]]", *(f"{key} = {value}" for key, value in told.items())]))
    path = folder / "fleet.toml"
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


def test_processes_and_a_cluster_give_the_same_bytes_of_objectives(tmp_path: Path) -> None:
    runs = [described(tmp_path)]
    log = tmp_path / "requests.csv"
    rows = (f"{i / 4},{100 + 10 * i},20" for i in range(20))
    log.write_text("\n".join(("arrival_s,input_tokens,output_tokens", *rows)), encoding="utf-8")
    ask = SloAsk(
        parse_slos(["tbt_p99=25ms"]), logs=(log,), clocks_mhz=parse_clocks("900:1900:250"),
        max_instances=1,
    )  # fmt: skip
    options = te.SweepOptions(slo=ask)

    with cluster(tmp_path, 1) as (address, _):
        ways = (Workers(), Workers(jobs=2), Workers(scheduler=address))
        alone, processes, by_dask = (te.sweep(runs, options, workers=way) for way in ways)

    assert alone.slo is not None
    assert alone.slo["loads"][0]["clock_mhz"] is not None
    assert render_sweep_json(processes) == render_sweep_json(alone)
    assert render_sweep_json(by_dask) == render_sweep_json(alone)
