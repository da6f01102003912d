"""One capture as exported by several releases of nsys: one analysis."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import traceenergy as te
from traceenergy.read.nsys import read_nsys
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run

if TYPE_CHECKING:
    from traceenergy.trace.model import Trace

ROOT = Path(__file__).parents[3]
NSYS = shutil.which("nsys")
OTHER = os.environ.get("TRACEENERGY_OTHER_NSYS")
# Layouts of what 2022.4, 2023.4 and 2024.2 export.
LAYOUTS = ("3.0.0", "3.7.2", "3.11.1")
# Nested, across each other, on two threads, with odd names, one never closed.
PROGRAM = """
import ctypes, threading, time
from ctypes import CFUNCTYPE, POINTER, byref, c_int, c_void_p
from traceenergy.sample import nvtx_client as client

domain = client.NvtxDomain("of a test")
functions = domain._kept[0][client._CORE2]
start = CFUNCTYPE(ctypes.c_uint64, c_void_p, POINTER(client._Event))(functions[2])
end = CFUNCTYPE(None, c_void_p, ctypes.c_uint64)(functions[3])
push = CFUNCTYPE(c_int, c_void_p, POINTER(client._Event))(functions[4])
pop = CFUNCTYPE(c_int, c_void_p)(functions[5])

def event(text):
    return byref(client._Event(
        3, ctypes.sizeof(client._Event), message_type=1, message=text.encode()
    ))

def steps(name):
    for number in range(3):
        push(domain._domain, event(f"{name} {number}"))
        push(domain._domain, event("größe/µs 層"))
        domain.mark(b"plain mark", number)
        time.sleep(0.002)
        pop(domain._domain)
        pop(domain._domain)

one = start(domain._domain, event("crossing A"))
other = start(domain._domain, event("crossing B"))
worker = threading.Thread(target=steps, args=["worker"])
worker.start()
steps("main")
worker.join()
end(domain._domain, one)
end(domain._domain, other)
push(domain._domain, event("never popped"))
"""


def analyzed(folder: Path, schema: str) -> dict[str, Any]:
    """Simulate a run as a release exports it; give what JSON says of it, but of the file."""
    options = Options(
        schema=schema, steps=8, layers=2, stretch=60.0, gpus=2, seed=3, poll_ns=20_000_000
    )
    simulate_run(folder, options)
    trace = te.read_trace(folder / "trace.sqlite", power=[folder / "power.csv"])
    te.write(te.analyze(trace), folder / "out.json")
    result: dict[str, Any] = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    for key in ("sha256", "tool_version", "schema_version"):
        assert result["inputs"][0].pop(key)
    return result


def test_layouts_of_three_releases_give_one_analysis(tmp_path: Path) -> None:
    first, *others = (analyzed(tmp_path / schema, schema) for schema in LAYOUTS)

    assert first["energy"]["kernel_j"] > 0
    assert others == [first, first]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Record a program with the older release, export the report with both."""
    if NSYS is None or OTHER is None:
        pytest.skip("there are no two releases of nsys here")
    folder = tmp_path_factory.mktemp("releases")
    words = "profile -t nvtx -s none --cpuctxsw=none -o run"
    older, newer = sorted((NSYS, OTHER), key=release)
    call([older, *words.split(), sys.executable, "-c", PROGRAM], folder)
    if not (folder / "run.nsys-rep").exists():
        pytest.skip("nsys could not record here")
    paths = [folder / "older.sqlite", folder / "newer.sqlite"]
    for nsys, path in zip((older, newer), paths, strict=True):
        call([nsys, "export", "-t", "sqlite", "-o", path.name, "run.nsys-rep"], folder)
    return paths


def release(nsys: str) -> list[int]:
    """Tell which it is: year, number, and so on."""
    said = call([nsys, "--version"], Path.cwd())
    return [int(part) for part in said.split()[-1].partition("-")[0].split(".")]


def call(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


def ranges_of(trace: Trace) -> list[dict[str, Any]]:
    """Give all ranges, names as texts; numbers of texts and rows are the file's own."""
    return (
        trace.nvtx_ranges.with_columns(
            name=trace.names.gather(trace.nvtx_ranges["name_id"]),
            domain=trace.names.gather(trace.nvtx_ranges["domain_name_id"]),
        )
        .select(pl.exclude("range_id", "name_id", "domain_name_id"))
        .sort("start_ns", "end_ns")
        .to_dicts()
    )


@pytest.mark.nsys
def test_exports_of_one_recording_by_two_releases_are_read_alike(exports: list[Path]) -> None:
    older, newer = (read_nsys(path) for path in exports)

    found = ranges_of(older)
    names = [row["name"] for row in found]
    assert names.count("größe/µs 層") == 6
    assert {"crossing A", "crossing B", "main 0", "worker 2", "never popped"} <= set(names)
    assert {row["domain"] for row in found} == {"of a test"}
    assert ranges_of(newer) == found
    assert newer.clock == older.clock
    versions = [trace.origins[0].schema_version for trace in (older, newer)]
    assert versions[0] != versions[1]
