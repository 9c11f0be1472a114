"""What a pupil is like: sections of measured and modelled PSF, widths, and how far they agree; and where it goes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPixmap, QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_deepblur.widgets.calibration.answers import Answers, button_grid
from napari_deepblur.widgets.calibration.output import SavedFile, use_in_deblur, write_report
from napari_deepblur.widgets.latest import Latest
from napari_deepblur.widgets.layers import shown_name
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.project import project_version

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_deepblur.calibration import Finding, PupilRetrieval
    from napari_deepblur.widgets.calibration.output import Keeper
    from napari_deepblur.widgets.calibration.run import FoundPupil
    from napari_deepblur.widgets.colours import Colours

_MOST_FINDINGS = 4


class PupilResults(QWidget):
    """The verdict, the picture and the buttons that need a pupil; hidden while there is none.

    Parameters
    ----------
    viewer
        Whose Deblur dock may be given the pupil.
    keeper
        Writes files, and says so.
    parent
        Parent widget.
    """

    def __init__(self, viewer: Viewer, keeper: Keeper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._keeper = viewer, keeper
        self._found: FoundPupil | None = None
        self._file = SavedFile(self._keep)
        self._colours: Colours | None = None
        # Drawn in another thread: the window would wait half a second for it.
        self._latest = Latest(self)
        self._widths = Notice(self)
        self._widths.setObjectName("pupil_widths")
        self._picture = _Picture(self)
        self._picture.setObjectName("pupil_sections")
        self._notes = Notice(self)
        self._notes.setObjectName("pupil_notes")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._answers = Answers(self, layout, "pupil_finding", _MOST_FINDINGS)
        for widget in (self._notes, self._widths, self._picture):
            layout.addWidget(widget)
        psf = "Write the measured PSF as TIFF; volumes take it in place of the pupil."
        page = "Write a page (HTML) with verdict, PSFs, wavefront and numbers; a browser prints it."
        buttons = (
            ("use_pupil", "Use in Deblur", "Deblur volumes with this pupil, in the Deblur dock.", self._use),
            ("save_pupil", "Save pupil…", "Write the wavefront, with its error bars and optics.", self._file.save),
            ("save_psf", "Save 3-D PSF…", psf, self._save_psf),
            ("pupil_report", "Save report…", page, self._save_report),
        )
        layout.addLayout(button_grid(self, buttons))
        self._latest.ready.connect(self._picture.setPng)
        self.hide()

    def value(self) -> PupilRetrieval | None:
        """Return what is shown."""
        return None if self._found is None else self._found.pupil

    def findings(self) -> tuple[Finding, ...]:
        """Return what is said of it."""
        return () if self._found is None else self._found.findings

    def setValue(self, found: FoundPupil | None) -> None:
        """Show a pupil; None hides everything."""
        self._found = found
        self._file.forget()
        self._answers.say(self.findings())
        self._notes.say("" if found is None else " ".join(found.pupil.notes), "warning")
        self._widths.say("" if found is None else _widths_in_words(found))
        self._draw()
        self.setVisible(found is not None)

    def setColours(self, colours: Colours) -> None:
        """Draw in the colours of a theme."""
        self._colours = colours
        self._draw()

    def _draw(self) -> None:
        found, colours = self._found, self._colours
        if found is None or colours is None:
            self._latest.drop()
            self._picture.setPng(b"")
            return
        self._latest.request(partial(found.sections, colours.text, colours.background))

    def _use(self) -> None:
        """Choose the pupil in the Deblur dock; it needs a file, which settings name."""
        found, file = self._found, self._file.needed()
        if found is not None and file is not None:
            use_in_deblur(self._viewer, file, found.pupil.microscope, as_volume=True)
            self._keeper.say(f"{shown_name(file.stem)} is chosen in the Deblur dock, for stacks as volumes.")

    def _keep(self) -> Path | None:
        """Ask for a file and write the pupil to it."""
        from napari_deepblur.io.pupil_files import save_pupil

        if self._found is None:
            return None
        pupil = self._found.pupil
        write = partial(save_pupil, pupil.pupil, theta_std=pupil.theta_std)
        return self._keeper.keep("Save the pupil", "pupil.safetensors", "Pupils (*.safetensors)", write, "the pupil")

    def _save_psf(self) -> None:
        from napari_deepblur.io.psf_stacks import save_psf_stack

        if self._found is not None:
            pupil = self._found.pupil

            def write(path: Path) -> None:
                save_psf_stack(pupil.measured, path, pupil.microscope.pixel_size_um, pupil.plane_spacing_um)

            self._keeper.keep("Save the measured PSF", "psf.tif", "TIFF (*.tif)", write, "the measured PSF")

    def _save_report(self) -> None:
        from napari_deepblur.calibration.pupil.page import pupil_html

        if self._found is not None:
            page = pupil_html(self._found.pupil, self._file.title("Pupil"), project_version())
            write = partial(write_report, page)
            self._keeper.keep("Save the report", "pupil.html", "Pages (*.html)", write, "the report")


class _Picture(QLabel):
    """A picture as wide as there is room, and as high as it then is."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._whole = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.setAccessibleName("Sections of the measured and the modelled PSF")
        self.setToolTip(
            "Sections through the middle of the PSF in equal micrometres, z downwards. Brightness is the root of the "
            "intensity; of what is left (below), red is what was measured beyond the model, and blue what is missing."
        )

    def setPng(self, png: bytes) -> None:
        self._whole = QPixmap()
        self._whole.loadFromData(png, "PNG")
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:
        """Return no width of its own: the column says how wide it is."""
        return QSize(0, self._height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _height(self) -> int:
        whole = self._whole
        return 0 if whole.isNull() else round(min(self.width(), whole.width()) * whole.height() / whole.width())

    def _fit(self) -> None:
        height = self._height()
        if height > 0:
            ratio = self.devicePixelRatioF()
            smooth = Qt.TransformationMode.SmoothTransformation
            shown = self._whole.scaledToHeight(round(height * ratio), smooth)
            shown.setDevicePixelRatio(ratio)
            self.setPixmap(shown)
        else:
            self.clear()
        self.updateGeometry()


def _widths_in_words(found: FoundPupil) -> str:
    along = [
        f"{name} {measured:.3f} / {modelled:.3f} / {ideal:.3f}"
        for name, measured, modelled, ideal in zip("zyx", *found.widths, strict=True)
    ]
    return f"FWHM in µm, measured / modelled / without aberrations: {', '.join(along[::-1])}."
