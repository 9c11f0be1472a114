"""The bead calibration dock, and the adaptation of the network to what it found."""
