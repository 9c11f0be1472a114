"""What measures the package: how well blurs are identified and removed, beside classical methods, and how fast.

Not in the wheel: importable where the root of a clone is on the path, as `napari-deepblur benchmark` puts it there.
"""
