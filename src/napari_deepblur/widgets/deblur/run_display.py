"""What one run adds to a viewer, whatever was deblurred: planes one by one, or a volume."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_deepblur.widgets.layer_acquisition import ACQUISITION_KEY
from napari_deepblur.widgets.layers import full_resolution, shown_name
from napari_deepblur.widgets.origins import ORIGINS_KEY

if TYPE_CHECKING:
    import numpy as np
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_deepblur.pipeline.series import Told
    from napari_deepblur.widgets.deblur.findings import Findings
    from napari_deepblur.widgets.deblur.input_file import InputFile
    from napari_deepblur.widgets.layers import LayerData, Source
    from napari_deepblur.widgets.origins import Origin

_MOST_NOTES = 3
"""Notes of a run that are shown; the rest is in the metadata of the result."""


class Conclusion(NamedTuple):
    """What there is to say at the end of a run.

    Attributes
    ----------
    said
        What was added, and what is to be noted.
    findings
        About the result.
    warned
        Whether something in it is to be minded.
    told
        What the run says of itself.
    """

    said: str
    findings: Findings
    warned: bool
    told: Told


class RunDisplay(ABC):
    """The layers of one run; used only in the thread of the window.

    Parameters
    ----------
    viewer
        Where to add them.
    source
        The layer that is deblurred.
    origins
        Where each number of the optics is from.
    file
        Of the layer, looked at in the other thread.
    """

    def __init__(
        self,
        viewer: Viewer,
        source: Source,
        origins: Mapping[str, Origin],
        file: InputFile,
    ) -> None:
        self._viewer, self._source, self._file = viewer, source, file
        self._origins = dict(origins)
        self._layer: Layer | None = None
        self._psf_layer: Layer | None = None
        self._spread_layer: Layer | None = None

    @abstractmethod
    def show(self, step: Any) -> None:
        """Show a part of the result, where a run hands parts out."""

    @abstractmethod
    def finish(self, outcome: Any, duration: str) -> Conclusion:
        """Write down how the result was made, add what is still missing, and say what was done and found.

        Parameters
        ----------
        outcome
            What the run returned.
        duration
            How long it took, in words.
        """

    @abstractmethod
    def psfs(self) -> tuple[NDArray[np.float32], str] | None:
        """Return the point spread functions, (N, k, k), and the letters of their axes; None where there are none."""

    @abstractmethod
    def measured_field(self) -> Callable[[], list[LayerData]] | None:
        """Return what measures the PSFs over the field, in any thread; None where that is not known of this run."""

    @abstractmethod
    def has_residual(self) -> bool:
        """Tell whether there is a residual to be shown: that of one plane."""

    @abstractmethod
    def show_residual(self) -> None:
        """Add the image less the blurred result as a layer; zero where the border does not allow to know."""

    def added(self) -> list[Layer]:
        """Return the layers of the run: the restored image, the point spread functions, and the spread."""
        return [layer for layer in (self._layer, self._psf_layer, self._spread_layer) if layer is not None]

    def restored(self) -> Layer | None:
        """Return the layer of the restored image; None where it is not in the viewer."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    def image(self) -> Layer | None:
        """Return the layer that was deblurred; None where it is not in the viewer any more."""
        return next((known for known in self._viewer.layers if str(known.unique_id) == self._source.identity), None)

    def has_its_image(self) -> bool:
        """Tell whether the layer that was deblurred is in the viewer, with the data that it had."""
        image = self.image()
        return image is not None and full_resolution(image) is self._source.data

    def _record(self, of_run: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record of a run with what the dock knows of its image."""
        record: dict[str, Any] = {**of_run, "input": {"layer": self._source.name, **self._file.written()}}
        if self._origins:
            record[ORIGINS_KEY] = self._origins
        taken = self._file.acquisition()
        return {**record, ACQUISITION_KEY: taken} if taken else record

    def discard(self) -> None:
        """Leave the viewer as it was."""
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = None

    def _words(self, device: str, duration: str, notes: Sequence[str]) -> str:
        """Say what was done; what the result rests on stands beside its verdict."""
        added = self.added()
        there = [layer for layer in added if layer in self._viewer.layers]
        names = " and ".join(shown_name(layer.name) + ("" if layer.visible else " (hidden)") for layer in there)
        # Not always the device that was asked for: the work goes on elsewhere where its memory runs out.
        parts = [f"Done in {duration} on {device}{f': added {names}' if there else ''}."]
        parts += [f"{shown_name(layer.name)} was removed meanwhile." for layer in added if layer not in there]
        source = f"The input {shown_name(self._source.name)}"
        if self.image() is None:
            parts.append(f"{source} was removed meanwhile.")
        elif not self.has_its_image():
            parts.append(f"{source} was given other data meanwhile: the result is of those before.")
        parts += [note[0].upper() + note[1:] + "." * (note[-1] not in ".?!") for note in notes[:_MOST_NOTES]]
        if len(notes) > _MOST_NOTES:
            parts.append(f"{len(notes) - _MOST_NOTES} more notes are in the layer's metadata.")
        return " ".join(parts)
