"""From one image to the operator that blurred it: Zernike families, measured ones, and fields of varying blur."""
