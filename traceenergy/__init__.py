"""Where every joule of a GPU run went: the names that others may import."""

from __future__ import annotations

__version__ = "0.1.0"
