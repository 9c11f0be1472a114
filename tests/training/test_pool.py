from __future__ import annotations

import logging
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from napari_deepblur.errors import OutputError, SettingsError, TrainingDataError
from napari_deepblur.training.gray_images import read_gray
from napari_deepblur.training.pool import (
    draw_scenes,
    is_validation,
    load_bank,
    open_pool,
    pack_bank,
    read_packed,
)


def _picture(seed: int, height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    """Blocks of random gray: edges, flats, and no symmetry."""
    blocks = np.random.default_rng(seed).integers(0, 256, (height // 10 + 1, width // 10 + 1), dtype=np.uint8)
    picture: NDArray[np.uint8] = np.kron(blocks, np.ones((10, 10), np.uint8))[:height, :width]
    return picture


def _save(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(12):
        _save(tmp_path / "micro_a" / f"image_{index:03d}.png", _picture(index))
    for index in range(36):
        _save(tmp_path / "natural" / f"photo_{index:03d}.PNG", _picture(100 + index))
    return tmp_path


def test_the_split_of_known_names_never_changes() -> None:
    names = [f"micro_a/image_{index:03d}.png" for index in range(100)]
    validation = [int(name[-7:-4]) for name in names if is_validation(name)]
    assert validation == [7, 11, 12, 17, 24, 33, 62, 88]


def test_one_name_in_twenty_is_for_validation() -> None:
    share = np.mean([is_validation(f"x/{index}.png") for index in range(20_000)])
    # Five standard deviations of a binomial share.
    assert abs(share - 0.05) < 5 * np.sqrt(0.05 * 0.95 / 20_000)


def test_pool_finds_images_at_any_depth_and_its_split_is_a_partition(folder: Path) -> None:
    _save(folder / "deep" / "deeper" / "a.jpg", _picture(0))
    tifffile.imwrite(folder / "b.TIF", _picture(1))
    (folder / "notes.txt").write_text("not an image")
    _save(folder / ".hidden" / "c.png", _picture(2))
    pool = open_pool(folder)
    assert len(pool.files) == 12 + 36 + 2
    assert {"deep/deeper/a.jpg", "b.TIF"} <= set(pool.files)
    train, validation = set(pool.split("train")), set(pool.split("validation"))
    assert train | validation == set(pool.files)
    assert not train & validation
    assert {"micro_a/image_007.png", "micro_a/image_011.png"} <= validation


def test_split_by_another_word_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match="'train' or 'validation'"):
        open_pool(folder).split("test")  # type: ignore[arg-type]


def test_bank_depends_on_the_seed_only(folder: Path) -> None:
    first, again, other = (load_bank(folder, "train", 32, 2, seed) for seed in (3, 3, 4))
    assert first.dtype == np.uint8
    assert first.shape[1:] == (32, 32)
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_microscopy_and_natural_images_supply_half_of_the_crops_each(tmp_path: Path) -> None:
    for index in range(10):
        _save(tmp_path / "micro_a" / f"{index}.png", _picture(index) // 4)
    for index in range(40):
        _save(tmp_path / "natural" / f"{index}.png", 192 + _picture(index) // 4)
    bank = load_bank(tmp_path, "train", 32, 4, 0)
    microscopy = (bank.max((1, 2)) < 128).sum()
    n_train = len(open_pool(tmp_path).split("train"))
    assert abs(len(bank) - 4 * n_train) <= 10
    assert abs(microscopy / len(bank) - 0.5) < 0.05


def test_crops_are_pieces_of_their_image(tmp_path: Path) -> None:
    picture = _picture(5)
    _save(tmp_path / "a.png", picture)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (40, 40)).reshape(-1, 40, 40)
    for crop in load_bank(tmp_path, "train", 40, 6, 0):
        assert (windows == crop).all((1, 2)).any()


def test_small_images_are_mirrored(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 24), dtype=np.uint8)
    _save(tmp_path / "a.png", picture)
    bank = load_bank(tmp_path, "train", 48, 5, 0)
    assert bank.shape == (5, 48, 48)
    # Reflection without repeating the border has a period of 2 (N - 1) in each axis.
    assert np.array_equal(bank[:, :10], bank[:, 38:])
    assert np.array_equal(bank[:, :, :2], bank[:, :, 46:])
    assert set(np.unique(bank)) == set(np.unique(picture))


def test_half_the_crops_of_large_images_are_shrunk_with_antialiasing(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    _save(tmp_path / "a.png", noise)
    deviation = load_bank(tmp_path, "train", 90, 60, 0).std((1, 2))
    # White noise: antialiasing averages it to about half its deviation, taking every second pixel would keep it.
    whole = deviation > 0.9 * noise.std()
    shrunk = deviation < 0.6 * noise.std()
    assert (whole | shrunk).all()
    assert 15 < whole.sum() < 45


def test_unreadable_files_and_flat_crops_are_skipped_and_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "natural" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    (folder / "natural" / "cut.tif").write_bytes(b"II*\x00")
    _save(folder / "natural" / "flat.png", np.full((64, 64), 90, np.uint8))
    assert not any(is_validation(f"natural/{name}") for name in ("broken.png", "cut.tif", "flat.png"))
    with caplog.at_level(logging.WARNING):
        bank = load_bank(folder, "train", 32, 2, 0)
    assert "2 of" in caplog.text
    assert "natural/broken.png" in caplog.text
    assert "natural/cut.tif" in caplog.text
    assert "crops of nearly one gray level were skipped" in caplog.text
    assert (bank.max((1, 2)) > bank.min((1, 2))).all()


def test_progress_counts_every_file(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    load_bank(folder, "train", 32, 1, 0, progress=lambda done, total: seen.append((done, total)))
    total = len(open_pool(folder).split("train"))
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_missing_and_empty_folders_are_diagnosed(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="does not exist"):
        open_pool(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingDataError, match="is a file"):
        open_pool(tmp_path / "file")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(TrainingDataError, match="no PNG, JPEG or TIFF"):
        load_bank(tmp_path, "train", 32, 1, 0)


def test_a_folder_without_validation_images_is_diagnosed(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", _picture(0))
    with pytest.raises(TrainingDataError, match=r"None of the 1 images .* validation split"):
        load_bank(tmp_path, "validation", 32, 1, 0)


def test_a_folder_of_flat_images_is_diagnosed(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", np.full((64, 64), 90, np.uint8))
    with pytest.raises(TrainingDataError, match="No usable crop"):
        load_bank(tmp_path, "train", 32, 1, 0)


@pytest.mark.parametrize(("size", "crops"), [(4, 1.0), (32, 0.0)])
def test_impossible_bank_settings_are_refused(folder: Path, size: int, crops: float) -> None:
    with pytest.raises(SettingsError):
        load_bank(folder, "train", size, crops, 0)


def test_sixteen_bit_files_fill_the_gray_range(tmp_path: Path) -> None:
    values = (_picture(3).astype(np.uint16) * 13) + 1000
    tifffile.imwrite(tmp_path / "a.tif", values)
    Image.fromarray(values).save(tmp_path / "a.png")
    expected = np.rint((values - values.min()) / float(values.max() - values.min()) * 255)
    for name in ("a.tif", "a.png"):
        assert np.abs(read_gray(tmp_path / name) - expected).max() <= 1


def test_colour_becomes_luma_and_a_stack_its_middle_plane(tmp_path: Path) -> None:
    colour = np.zeros((20, 30, 3), np.uint8)
    colour[..., 0], colour[..., 1], colour[..., 2] = 255, 255, 255
    colour[:10] = (100, 0, 0)
    _save(tmp_path / "a.png", colour)
    gray = read_gray(tmp_path / "a.png")
    assert (gray[:10] == 30).all()
    assert (gray[10:] == 255).all()
    stack = np.stack([_picture(index) for index in range(5)])
    tifffile.imwrite(tmp_path / "b.tif", stack, photometric="minisblack")
    assert np.array_equal(read_gray(tmp_path / "b.tif"), stack[2])


def test_tiff_with_nan_is_unreadable(tmp_path: Path) -> None:
    values = np.ones((20, 20), np.float32)
    values[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.raises(ValueError, match="not finite"):
        read_gray(tmp_path / "a.tif")


def _smooth_bank(n: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:64, :64] / 64
    waves = [np.sin(2 * np.pi * (k + 1) * x + k) * np.cos(2 * np.pi * y * (n - k)) for k in range(n)]
    bank: NDArray[np.uint8] = np.rint(127.5 + 127.5 * np.stack(waves)).astype(np.uint8)
    return bank


def test_packed_bank_returns_in_a_known_order_and_close(tmp_path: Path) -> None:
    bank = _smooth_bank(6)
    assert pack_bank(bank, tmp_path / "bank.zip") == 6
    back = read_packed(tmp_path / "bank.zip")
    assert back.dtype == np.uint8
    errors = ((bank[None].astype(float) - back[:, None]) ** 2).mean((2, 3))
    # Each crop comes back once, with a signal to noise ratio of at least 38 dB.
    assert sorted(errors.argmin(1)) == list(range(6))
    assert 10 * np.log10(255**2 / errors.min(1).max()) > 38
    assert (tmp_path / "bank.zip").stat().st_size < bank.nbytes / 3


def test_packing_stops_at_the_size_given(tmp_path: Path) -> None:
    bank = np.random.default_rng(0).integers(0, 256, (20, 64, 64), dtype=np.uint8)
    written = pack_bank(bank, tmp_path / "bank.zip", max_bytes=30_000)
    assert 2 < written < 20
    assert 20_000 < (tmp_path / "bank.zip").stat().st_size <= 30_000
    assert len(read_packed(tmp_path / "bank.zip")) == written
    with pytest.raises(SettingsError, match="too small for one crop"):
        pack_bank(bank, tmp_path / "other.zip", max_bytes=100)
    assert [path.name for path in tmp_path.iterdir()] == ["bank.zip"]


def test_packing_where_nothing_can_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        pack_bank(_smooth_bank(2), tmp_path / "missing" / "bank.zip")


def test_foreign_and_damaged_archives_are_diagnosed(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="not a complete packed bank"):
        read_packed(tmp_path / "missing.zip")
    pack_bank(_smooth_bank(3), tmp_path / "bank.zip")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "bank.zip").read_bytes()[:-40])
    with pytest.raises(TrainingDataError, match="not a complete packed bank"):
        read_packed(tmp_path / "cut.zip")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(TrainingDataError, match="not a complete packed bank"):
        read_packed(tmp_path / "foreign.zip")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # The method of compression in the directory of the archive, none that there is.
        (b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63\x00"),
        (b'"count": 3', b'"count": 9'),
    ],
)
def test_a_bank_with_wrong_bytes_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    pack_bank(np.full((3, 16, 16), 7, np.uint8), tmp_path / "bank.zip")
    data = (tmp_path / "bank.zip").read_bytes()
    assert old in data
    (tmp_path / "bank.zip").write_bytes(data.replace(old, new))
    with pytest.raises(TrainingDataError, match="not a complete packed bank"):
        read_packed(tmp_path / "bank.zip")


def test_scenes_depend_on_the_generator_only_and_stay_in_range() -> None:
    bank = torch.from_numpy(np.stack([_picture(index, 64, 64) for index in range(5)]))
    scenes = draw_scenes(bank, 40, 48, torch.Generator().manual_seed(1))
    assert scenes.dtype == torch.float32
    assert scenes.shape == (40, 1, 48, 48)
    assert torch.equal(scenes, draw_scenes(bank, 40, 48, torch.Generator().manual_seed(1)))
    assert not torch.equal(scenes, draw_scenes(bank, 40, 48, torch.Generator().manual_seed(2)))
    assert float(scenes.min()) >= 0
    assert float(scenes.max()) <= 1
    # Most scenes use most of the range.
    assert float((scenes.amax((1, 2, 3)) - scenes.amin((1, 2, 3))).median()) > 0.7


def test_scenes_keep_the_order_of_gray_levels_in_all_eight_orientations() -> None:
    # Every pixel has its own gray level, so the order of the levels tells the orientation, whatever the lighting;
    # an inverted scene looks like one turned by half a turn.
    picture = torch.arange(256).view(16, 16)
    turned = [torch.rot90(flip, turns) for flip in (picture, picture.T) for turns in range(4)]
    expected = {tuple(scene.flatten().tolist()) for scene in turned}
    scenes = draw_scenes(picture.to(torch.uint8)[None], 200, 16, torch.Generator().manual_seed(0))
    seen = {tuple(scene.flatten().argsort().argsort().tolist()) for scene in scenes}
    assert len(expected) == 8
    assert seen == expected


def test_scenes_come_from_everywhere_in_the_crop() -> None:
    picture = torch.zeros((1, 16, 16), dtype=torch.uint8)
    picture[0, 5, 6] = 255
    scenes = draw_scenes(picture, 400, 11, torch.Generator().manual_seed(0)).flatten(1)
    bright_point = scenes.amax(1) - scenes.median(1).values > 0.1
    # The point is at row 0 to 5 and column 1 to 6 of the window, or at the mirrored places, in any orientation.
    places = scenes[bright_point].argmax(1).unique()
    assert len(places) > 60


def test_scenes_larger_than_the_bank_are_refused() -> None:
    with pytest.raises(SettingsError, match="larger crops"):
        draw_scenes(torch.zeros((2, 16, 16), dtype=torch.uint8), 1, 17, torch.Generator())
