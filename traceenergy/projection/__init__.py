"""NVTX range -> GPU work."""
