"""`file_optics` under the name that scripts know: it moved to `napari_deepblur.batch.file_optics`."""

from napari_deepblur.batch.file_optics import file_optics

__all__ = ["file_optics"]
