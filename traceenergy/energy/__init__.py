"""Power samples -> joules per cause."""
