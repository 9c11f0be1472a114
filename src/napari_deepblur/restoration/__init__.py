"""From an image, its blur and its noise to the sharp image, tile by tile, and what it leaves unexplained."""
