"""Order of kernels -> place in a model: step, layer, phase."""
