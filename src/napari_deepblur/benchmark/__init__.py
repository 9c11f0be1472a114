"""The benchmark: how well blurs are identified and removed, beside classical methods, in the paper's setting."""
