"""How a step computes: layers laid out for a GPU, losses in chunks, kernels in Triton."""
