"""The archive reader: what is safe comes out whole, what is not is refused before a byte is unpacked."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.archives import Archive, Limits
from ingest.errors import IngestError

REFUSED = {
    "made/zip/bomb_1gib_flat.zip": "archive_too_large",
    "made/zip/declared_size_10_real_8mib.zip": "archive_too_large",
    "made/zip/deep_dirs_900.zip": "archive_unsafe",
    "made/zip/dup_names_case.zip": "archive_unsafe",
    "made/zip/encrypted_flag.zip": "archive_encrypted",
    "made/zip/long_name_60000.zip": "archive_unsafe",
    "made/zip/path_abs.zip": "archive_unsafe",
    "made/zip/path_colon.zip": "archive_unsafe",
    "made/zip/path_dev.zip": "archive_unsafe",
    "made/zip/path_dotdot.zip": "archive_unsafe",
    "made/zip/path_drive.zip": "archive_unsafe",
    "made/zip/path_nul.zip": "archive_unsafe",
    "made/zip/path_trail.zip": "archive_unsafe",
    "made/zip/path_win.zip": "archive_unsafe",
    "made/zip/symlink_etc_passwd.zip": "archive_unsafe",
    "made/zip/truncated.zip": "archive_unreadable",
    "made/zip/zero_byte.zip": "archive_unreadable",
    "zip-go/dupdir.zip": "archive_unsafe",
    "zip-go/symlink.zip": "archive_unsafe",
    "zip-go/test-badbase.zip": "archive_unreadable",
    "zip-go/test-baddirsz.zip": "archive_unreadable",
    "zip-go/test-prefix.zip": "archive_unreadable",
}


def unpack(path: Path, target: Path) -> dict[str, bytes]:
    target.mkdir(exist_ok=True)
    with path.open("rb") as file:
        Archive(file).extract(target)
    return {str(found.relative_to(target)): found.read_bytes() for found in target.rglob("*") if found.is_file()}


def test_hostile_archives_are_refused_and_all_others_open(data_dir: Path, tmp_path: Path) -> None:
    hostile = data_dir / "hostile"
    outcomes = {}
    for folder in ("made/zip", "zip-go"):
        for path in sorted((hostile / folder).iterdir()):
            name = f"{folder}/{path.name}"
            try:
                unpack(path, tmp_path / name.replace("/", "-"))
            except IngestError as error:
                outcomes[name] = error.code
    assert outcomes == REFUSED
    assert not list(Path("/tmp").glob("oer_evil*"))


def test_entries_are_what_the_standard_reader_sees(data_dir: Path, tmp_path: Path) -> None:
    for path in sorted((data_dir / "courseware" / "poi").rglob("*.[dp][op][ct]x")):
        with zipfile.ZipFile(path) as theirs:
            expected = {entry.filename: theirs.read(entry) for entry in theirs.infolist() if not entry.is_dir()}
        assert unpack(path, tmp_path / path.name) == expected, path.name


def test_names_in_gb18030(data_dir: Path) -> None:
    with (data_dir / "hostile/made/zip/gbk_names.zip").open("rb") as file:
        assert list(Archive(file).entries) == ["kecheng/第一章x__.txt"]


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return bytearray(buffer.getvalue())


def code_of(data: bytes, limits: Limits = Limits()) -> str:
    try:
        archive = Archive(io.BytesIO(data), limits)
        for name in archive.entries:
            for _ in archive.stream(name):
                pass
    except IngestError as error:
        return error.code
    return ""


def test_limits_are_held() -> None:
    many = bytes(zipped({f"{number}.txt": b"x" for number in range(11)}))
    assert code_of(many, Limits(entries=10)) == "archive_too_large"
    assert code_of(many, Limits(total_bytes=10)) == "archive_too_large"
    assert code_of(bytes(zipped({"a": bytes(3 * 2**20)}))) == "archive_too_large"  # more than 200 to 1
    with pytest.raises(IngestError, match="archive_too_large"):
        Archive(io.BytesIO(many)).read("1.txt", 0)


def test_overlapping_entries_are_refused() -> None:
    data = zipped({"a": b"one", "b": b"two"}, zipfile.ZIP_STORED)
    first, second = data.index(b"PK\x01\x02"), data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    assert code_of(bytes(data)) in ("archive_unsafe", "archive_unreadable")


def test_a_wrong_checksum_is_found() -> None:
    data = zipped({"a": b"hello hello"}, zipfile.ZIP_STORED)
    data[data.index(b"hello")] ^= 1
    assert code_of(bytes(data)) == "archive_unreadable"


@given(
    st.dictionaries(st.text("abcdef课程", min_size=1, max_size=8), st.binary(max_size=200), max_size=5),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_what_was_packed_comes_out(files: dict[str, bytes], method: int) -> None:
    archive = Archive(io.BytesIO(zipped(files, method)))
    assert {name: archive.read(name, 200) for name in archive.entries} == files


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_damage_ends_in_an_answer(data: st.DataObject) -> None:
    archive = zipped({"a.xml": b"<a/>" * 50, "b/c.txt": bytes(100)})
    for _ in range(data.draw(st.integers(1, 6))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(archive)))
    assert code_of(bytes(archive[:cut])) in ("", *REFUSED.values())
