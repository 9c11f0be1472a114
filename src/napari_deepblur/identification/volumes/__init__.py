"""The pupil from a focal stack taken as a volume: one wavefront for all planes, its signs included."""
