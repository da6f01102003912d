"""Full disks, closed pipes, Ctrl-C, files that change: old files stay whole, an error says why."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import traceenergy as te
from tests.fuzz.base import write_base
from tests.report import sample
from traceenergy.errors import OutputError, UnreadableFileError
from traceenergy.read.nsys import sha256_of
from traceenergy.read.nsys.database import Database
from traceenergy.report import write
from traceenergy.simulate.options import Options
from traceenergy.simulate.run import simulate_run
from traceenergy.whole_files import put_file, put_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = (sys.executable, "-m", "traceenergy")
ENDINGS = ("html", "json", "md", "csv", "parquet", "sqlite", "perfetto.json")
ODD_NAMES = (
    "with space",
    'it\'s "quoted"',
    "\N{ROCKET} é",
    "-o",
    "a;b&c|d",
    "%41?b#c",
    "new\nline",
)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file grow beyond half a kilobyte, as on a full disk."""
    # Python ignores the signal that comes with it.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("ending", ENDINGS)
def test_on_a_full_disk_the_old_file_stays_whole(ending: str, tmp_path: Path) -> None:
    out = tmp_path / f"r.{ending}"
    out.write_text("old")

    with pytest.raises(OutputError, match="cannot write"):
        write(sample.rich_analysis(), out, force=True)

    assert out.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [out.name]


@pytest.mark.usefixtures("small_files")
def test_on_a_full_disk_no_table_of_a_folder_is_new(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "meta.parquet").write_text("old")

    with pytest.raises(OutputError):
        write(sample.rich_analysis(), f"{tmp_path}/t/", force=True)

    assert [file.name for file in (tmp_path / "t").iterdir()] == ["meta.parquet"]
    assert (tmp_path / "t" / "meta.parquet").read_text() == "old"


@pytest.mark.usefixtures("small_files")
def test_on_a_full_disk_no_simulated_run_is_replaced_in_part(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text("old")

    with pytest.raises(OutputError):
        simulate_run(tmp_path, Options(steps=1, layers=1), force=True)

    assert [file.name for file in tmp_path.iterdir()] == ["truth.json"]
    assert (tmp_path / "truth.json").read_text() == "old"


def test_where_nothing_can_be_written_nothing_need_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError) as caught:
        put_file(tmp_path / "x", refuse)

    assert "Read-only" in caught.value.details


def test_parts_of_a_folder_lie_on_its_own_file_system(tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    seen = []

    put_folder(tmp_path / "mounted", lambda part: seen.append(part.parent))

    assert seen == [tmp_path / "mounted"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_of_files(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    trace = write_base(folder / f"{name}.sqlite")
    out = folder / f"{name}.md"
    (folder / "link.sqlite").symlink_to(trace)

    result = te.analyze(te.read_trace(folder / "link.sqlite"), te.AnalysisOptions(time_only=True))
    write(result, out)

    assert out.stat().st_size > 100
    assert (folder / "link.sqlite").is_symlink()


def test_a_link_is_written_beside_never_through(tmp_path: Path) -> None:
    (tmp_path / "target.json").write_text("of somebody else")
    (tmp_path / "out.json").symlink_to(tmp_path / "target.json")

    write(sample.bare_analysis(), tmp_path / "out.json", force=True)

    assert (tmp_path / "target.json").read_text() == "of somebody else"
    assert not (tmp_path / "out.json").is_symlink()


@pytest.mark.parametrize("how", ["replaced", "written", "gone"])
def test_a_trace_that_changes_while_it_is_read_is_refused(how: str, tmp_path: Path) -> None:
    trace = write_base(tmp_path / "x.sqlite")
    shutil.copy(trace, tmp_path / "other")
    with Database(trace) as database:
        database.check_unchanged()
        if how == "replaced":
            (tmp_path / "other").replace(trace)
        elif how == "written":
            os.utime(trace, (1, 1))
        else:
            trace.unlink()

        with pytest.raises(UnreadableFileError, match="changed while it was read"):
            database.check_unchanged()


def test_a_full_or_closed_stdout_is_no_failed_gate(tmp_path: Path) -> None:
    trace = write_base(tmp_path / "x.sqlite")
    words = [*COMMAND, "inspect", str(trace)]
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                words, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert (done.returncode, done.stderr.partition(":")[0]) == (2, "error[cannot-write]")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr.partition(":")[0]) == (2, "error[cannot-write]")


@pytest.mark.parametrize("after_s", [0.7, 1.5])
def test_ctrl_c_leaves_nothing_half_written(after_s: float, tmp_path: Path) -> None:
    words = [
        *COMMAND,
        "simulate",
        "--out",
        str(tmp_path / "run"),
        "--steps",
        "2000",
        "--layers",
        "8",
    ]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said or process.returncode == -signal.SIGINT
    assert not (tmp_path / "run").exists()


def test_no_trace_of_the_folder_is_touched(shared_traces: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {
            file.name: (file.stat().st_size, file.stat().st_mtime_ns)
            for file in shared_traces.iterdir()
        }

    before = state()
    for trace in sorted(shared_traces.glob("*.sqlite")):
        hashed = sha256_of(trace)
        with suppress(te.TraceEnergyError):
            te.read_trace(trace)
        assert sha256_of(trace) == hashed, trace.name
    assert state() == before
