"""Time and memory, beside the paper's architecture."""
