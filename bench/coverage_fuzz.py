"""Damaged text files led by coverage: what reaches code not reached before is changed further.

    python bench/coverage_fuzz.py "power log" [--minutes 10] [--kept FOLDER]
    python bench/coverage_fuzz.py "power log" --only FILE

`bench/fuzz.py` draws its damage blindly. This one (atheris, which is libFuzzer for Python) watches
which branches of traceenergy an input takes, beginning with sound files
(`tests/fuzz/text_files.py`) and words that a parser may stumble over (`tests/fuzz/texts.py`). Each
input must be read, or refused by an error of this project, within the limit of time. Prints each
place that raises a defect once, with an input that does it, which is kept in the folder `defects`
beside all those that reached something new; a later run begins with these. Ends with exit code 1 if
there was a defect.

It needs `pip install atheris`, which has wheels for Python 3.11 to 3.13 on Linux, and all else that
the tests need.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

_MOST_BYTES = 4_096  # of an input
_MOST_S = 60  # for one, by the clock of a machine that may be busy with other things
_LONGEST_WORD = 64
_DEFECT = "defect "


def main() -> None:
    """Try inputs until the time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("family", help="such as rules; one of those of tests/fuzz/text_files.py")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--kept", type=Path, help="folder for inputs; without, they are lost")
    parser.add_argument("--only", type=Path, help="an input to try again, with its traceback")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        Target(asked.family, None).read(asked.only.read_bytes())
    elif asked.worker:
        work(asked.family, asked.worker, asked.minutes)
    else:
        with tempfile.TemporaryDirectory() as folder:
            sys.exit(run(asked.family, asked.kept or Path(folder), asked.minutes))


def run(family: str, kept: Path, minutes: float) -> int:
    """Try inputs in a process of its own, since libFuzzer ends the one it runs in."""
    (kept / "defects").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, family, "--worker", str(kept), "--minutes", str(minutes)]
    n_defects = 0
    done = ""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            n_defects += line.startswith(_DEFECT)
            if line.startswith(_DEFECT) or "ERROR" in line:
                print(line, end="", flush=True)
            done = line if line.strip() else done
    tried = re.search(r"Done (\d+) runs in (\d+)", done)
    if tried is None:
        print(f"{family}: ended early ({process.returncode}): {done}", end="")
        return 1
    print(f"{family}: {int(tried[1]):,} inputs in {tried[2]} s, {n_defects} places with a defect")
    return 1 if n_defects else 0


class Target:
    """Reads inputs of a family; where one is a defect, says so once for each place."""

    def __init__(self, family: str, kept: Path | None) -> None:
        # Imported here, so that a worker can have them watched.
        from tests.fuzz.families import accepted  # noqa: PLC0415 - as said
        from tests.fuzz.text_files import TEXT_FILES  # noqa: PLC0415 - as said

        self.file = TEXT_FILES[family]
        self.accepted = accepted
        self.kept = kept
        self.seen: set[str] = set()
        self.folder = tempfile.TemporaryDirectory()

    def read(self, raw: bytes) -> None:
        """Read an input; refusing it is right."""
        path = Path(self.folder.name) / self.file.name
        path.write_bytes(raw)
        self.accepted(lambda: self.file.read(path))

    def __call__(self, raw: bytes) -> None:
        """Read an input, and go on whatever comes of it."""
        try:
            self.read(raw)
        except Exception as error:  # noqa: BLE001 - each is a defect
            self._keep(raw, error)

    def _keep(self, raw: bytes, error: Exception) -> None:
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(at.filename).name}:{at.lineno} {type(error).__name__}"
        if where in self.seen or self.kept is None:
            return
        self.seen.add(where)
        path = self.kept / "defects" / hashlib.sha256(raw).hexdigest()[:16]
        path.write_bytes(raw)
        print(f"{_DEFECT}{where}: {path}", flush=True)


def work(family: str, kept: Path, minutes: float) -> None:
    """Let libFuzzer call the readers, with branches of traceenergy watched."""
    try:
        import atheris  # noqa: PLC0415 - no dependency of this project
    except ImportError:
        sys.exit("ERROR: atheris is not installed: pip install atheris (Python 3.11 to 3.13)")

    atheris.enabled_hooks.add("str")  # texts that are compared lead it, too
    with atheris.instrument_imports(include=["traceenergy", "tomllib"]):
        target = Target(family, kept)
    for i, text in enumerate(target.file.texts):
        (kept / f"sound-{i}").write_text(text, encoding="utf-8")
    words = kept / "defects" / "words"
    words.write_text(_dictionary(target.file.texts), encoding="ascii")
    options = (
        f"-max_total_time={round(minutes * 60)}", f"-max_len={_MOST_BYTES}", "-rss_limit_mb=4096",
        f"-timeout={_MOST_S}", f"-dict={words}", f"-artifact_prefix={kept / 'defects'}/",
        "-print_final_stats=0", "-verbosity=1",
    )  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(kept)], target)
    atheris.Fuzz()


def _dictionary(texts: tuple[str, ...]) -> str:
    """List words of sound files, and evil ones, as libFuzzer reads them."""
    from tests.fuzz.texts import EVIL  # noqa: PLC0415 - needs the path above

    words = {word for text in texts for word in re.findall(r"\w+|[^\w\s]+", text)} | {*EVIL}
    raws = (word.encode(errors="surrogatepass") for word in sorted(words))
    short = (raw for raw in raws if 0 < len(raw) <= _LONGEST_WORD)
    escaped = ("".join(f"\\x{byte:02x}" for byte in raw) for raw in short)
    return "".join(f'"{word}"\n' for word in escaped)


if __name__ == "__main__":
    main()
