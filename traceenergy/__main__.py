"""The command line, as `python -m traceenergy`."""

from __future__ import annotations

from traceenergy.cli.app import main

main()
