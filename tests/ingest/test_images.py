"""Pictures: upright, bare of metadata, and never larger than a screen needs."""

from pathlib import Path

import pytest
from PIL import Image

from ingest import images
from ingest.errors import IngestError
from tests.ingest.whole import ingest

ORIENTATION, GPS, ARTIST = 0x0112, 0x8825, 0x013B


def photo(path: Path, size: tuple[int, int] = (3000, 2000), orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[ARTIST] = "王老师"
    exif.get_ifd(GPS).update({1: "N", 2: (34.0, 45.0, 0.0), 3: "E", 4: (113.0, 37.0, 0.0)})
    Image.new("RGB", size, "teal").save(path, exif=exif)
    return path


def test_a_photo_loses_its_position_and_stands_upright(tmp_path: Path) -> None:
    facts = images.render(str(photo(tmp_path / "a.jpg", orientation=6)), str(tmp_path))
    assert (facts["width"], facts["height"]) == (2000, 3000)
    for name in ("large.webp", "thumbnail.webp"):
        with Image.open(tmp_path / name) as made:
            assert made.height > made.width
            assert not made.getexif()
            assert not {"exif", "xmp", "icc_profile"} & set(made.info)
    assert facts["large"] == {"width": 1280, "height": 1920}
    assert facts["thumbnail"]["width"] <= 640


def test_through_the_pipeline(tmp_path: Path) -> None:
    outcome = ingest(photo(tmp_path / "a.jpg"), tmp_path / "work")
    assert outcome.state == "ready"
    assert [product.name for product in outcome.products] == ["thumbnail.webp", "image/large.webp"]
    assert outcome.record["width"] == 3000


def test_a_cover_becomes_a_thumbnail_only(tmp_path: Path) -> None:
    outcome = ingest(photo(tmp_path / "a.jpg"), tmp_path / "work", role="cover")
    assert [product.role for product in outcome.products] == ["thumbnail"]


def test_small_pictures_are_not_blown_up_and_stay_transparent(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 30), (255, 0, 0, 0)).save(tmp_path / "a.png")
    facts = images.render(str(tmp_path / "a.png"), str(tmp_path))
    assert facts["large"] == {"width": 40, "height": 30}
    with Image.open(tmp_path / "large.webp") as made:
        assert made.mode == "RGBA"


def test_of_a_moving_picture_the_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert images.render(str(tmp_path / "a.webp"), str(tmp_path))["frames"] == 2
    with Image.open(tmp_path / "large.webp") as made:
        assert not getattr(made, "is_animated", False)
        pixel = made.convert("RGB").getpixel((30, 20))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_every_mode_is_shown(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new(mode, (30, 20)).save(path)
    assert images.render(str(path), str(tmp_path))["width"] == 30


@pytest.mark.parametrize(
    ("name", "code"), [("bomb_60000x60000.png", "too_large"), ("header_only_2g.png", "unreadable")]
)
def test_bombs_are_refused_by_their_header(name: str, code: str, data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=f"image_{code}"):
        images.render(str(data_dir / "hostile/made/image" / name), str(tmp_path))


def test_a_picture_that_ends_early_is_unreadable(tmp_path: Path) -> None:
    data = photo(tmp_path / "a.jpg", (500, 500)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(IngestError, match="image_unreadable"):
        images.render(str(tmp_path / "cut.jpg"), str(tmp_path))
