"""What bytes are, by looking at them. Runs in the sandbox; names and declared types are never asked."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import puremagic

from ingest.archives import Archive
from ingest.encoding import decode, looks_like_text
from ingest.errors import IngestError
from ingest.model import Facts, MediaKind

HEAD_BYTES = 64 * 1024
_OLE_SCAN_BYTES = 256 * 2**20

KEPT = "kept_as_attachment"
ENCRYPTED = "encrypted"
PLAYLIST = "playlist"
MARKUP = "markup"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A first opinion. ``demuxer`` is set for what only ffprobe can tell apart: whether it has moving pictures."""

    media_kind: MediaKind
    format: str
    media_type: str
    demuxer: str = ""
    encoding: str = ""
    note: str = ""

    def facts(self) -> Facts:
        """The same as JSON, without what is empty."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


_VIDEO, _AUDIO, _OTHER = MediaKind.VIDEO, MediaKind.AUDIO, MediaKind.OTHER
_OFFICE = "application/vnd.openxmlformats-officedocument."

# Offset, bytes, what it is. The demuxer is the only one that ffmpeg may use on the file.
_SIGNATURES: tuple[tuple[int, bytes, Sniffed], ...] = (
    (0, b"\x1a\x45\xdf\xa3", Sniffed(_VIDEO, "matroska", "video/x-matroska", "matroska")),
    (0, b"FLV\x01", Sniffed(_VIDEO, "flv", "video/x-flv", "flv")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Sniffed(_VIDEO, "asf", "video/x-ms-asf", "asf")),
    (0, b"OggS", Sniffed(_VIDEO, "ogg", "application/ogg", "ogg")),
    (0, b"\x00\x00\x01\xba", Sniffed(_VIDEO, "mpeg", "video/mpeg", "mpeg")),
    (0, b"\x00\x00\x01\xb3", Sniffed(_VIDEO, "mpegvideo", "video/mpeg", "mpegvideo")),
    (0, b".RMF", Sniffed(_VIDEO, "rm", "application/vnd.rn-realmedia", "rm")),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01", Sniffed(_VIDEO, "mxf", "application/mxf", "mxf")),
    (8, b"AVI ", Sniffed(_VIDEO, "avi", "video/x-msvideo", "avi")),
    (8, b"WAVE", Sniffed(_AUDIO, "wav", "audio/wav", "wav")),
    (8, b"AIFF", Sniffed(_AUDIO, "aiff", "audio/aiff", "aiff")),
    (8, b"AIFC", Sniffed(_AUDIO, "aiff", "audio/aiff", "aiff")),
    (0, b"fLaC", Sniffed(_AUDIO, "flac", "audio/flac", "flac")),
    (0, b"caff", Sniffed(_AUDIO, "caf", "audio/x-caf", "caf")),
    (0, b"#!AMR", Sniffed(_AUDIO, "amr", "audio/amr", "amr")),
    (0, b"MAC ", Sniffed(_AUDIO, "ape", "audio/x-ape", "ape")),
    (0, b"wvpk", Sniffed(_AUDIO, "wv", "audio/x-wavpack", "wv")),
    (0, b".snd", Sniffed(_AUDIO, "au", "audio/basic", "au")),
    (0, b"\xff\xd8\xff", Sniffed(MediaKind.IMAGE, "jpeg", "image/jpeg")),
    (0, b"\x89PNG\r\n\x1a\n", Sniffed(MediaKind.IMAGE, "png", "image/png")),
    (8, b"WEBP", Sniffed(MediaKind.IMAGE, "webp", "image/webp")),
    (0, b"GIF8", Sniffed(_OTHER, "gif", "image/gif", note=KEPT)),
)
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")
_ISO_BOXES = (b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_PLAYLISTS = re.compile(
    r"\s*(#EXTM3U|ffconcat|\[playlist\]|v=0\s|<MPD\b|<\?xml[^>]*>\s*(<!DOCTYPE\s+)?<?(MPD|smil)\b|(concat|subfile)[:,])",
    re.IGNORECASE,
)
_SUBTITLES = (
    ("srt", "application/x-subrip", re.compile(r"\s*(\d+\s*\n\s*)?-?\d+:\d\d:\d\d[,.]\d{1,3}\s*-->")),
    ("vtt", "text/vtt", re.compile(r"\s*WEBVTT(\s|$)")),
    ("ass", "text/x-ssa", re.compile(r"\s*\[Script Info\]", re.IGNORECASE)),
)
_MARKUP = re.compile(
    r"\s*<(!doctype|html|head|body|script|svg|\?xml|!--|iframe|img|[a-z][\w:-]*(\s[^<>]*)?>)", re.IGNORECASE
)
_MARKDOWN = re.compile(  # lists alone are also what people type in plain text
    r"^(#{1,6} +[^\s#]|```|~~~|\|[ :|-]*-{3}[ :|-]*\|\s*$)|\[[^\]\n]+\]\([^)\s]+\)|\*\*[^*\s][^*\n]*\*\*", re.MULTILINE
)


def sniff(path: str) -> Facts:
    """What the file at ``path`` is, as the facts of `Sniffed`. Raises empty_file."""
    with Path(path).open("rb") as file:
        head = file.read(HEAD_BYTES)
        if not head:
            raise IngestError("empty_file")
        return (_binary(head, file) or _text(head) or _unknown(head)).facts()


def _binary(head: bytes, file: BinaryIO) -> Sniffed | None:
    for offset, magic, found in _SIGNATURES:
        if head.startswith(magic, offset) and (offset == 0 or head[:4] in (b"RIFF", b"RF64", b"FORM")):
            return found
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(head, file)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _ole(file)
    if b"%PDF-" in head[:1024]:
        return Sniffed(MediaKind.DOCUMENT, "pdf", "application/pdf")
    return _iso(head) or _stream(head)


def _iso(head: bytes) -> Sniffed | None:
    """The MP4 family. Its still pictures (AVIF, HEIC) are not opened."""
    if head[4:8] == b"ftyp":
        if head[8:12] in _STILL_BRANDS:
            return Sniffed(_OTHER, "heif", "image/avif" if head[8:11] == b"avi" else "image/heif", note=KEPT)
        quicktime = head[8:12] == b"qt  "
        return Sniffed(_VIDEO, "mov" if quicktime else "mp4", "video/quicktime" if quicktime else "video/mp4", "mov")
    if head[4:8] in _ISO_BOXES:
        return Sniffed(_VIDEO, "mov", "video/quicktime", "mov")
    return None


def _stream(head: bytes) -> Sniffed | None:
    """Formats that are a row of frames, each with its mark."""
    for size, start in ((188, 0), (192, 4)):
        marks = head[start : start + size * 5 : size]
        if len(marks) >= 3 and set(marks) == {0x47}:
            return Sniffed(_VIDEO, "mpegts", "video/mp2t", "mpegts")
    body = head
    if head[:3] == b"ID3" and len(head) > 10:
        tag = (head[6] & 127) << 21 | (head[7] & 127) << 14 | (head[8] & 127) << 7 | (head[9] & 127)
        body = head[10 + tag :]
        if len(body) < 2:  # a large cover fills what was read
            return Sniffed(_AUDIO, "mp3", "audio/mpeg", "mp3")
    if body[:4] == b"fLaC":
        return Sniffed(_AUDIO, "flac", "audio/flac", "flac")
    if len(body) > 6 and body[0] == 0xFF:
        if body[1] & 0xF6 == 0xF0:
            return Sniffed(_AUDIO, "aac", "audio/aac", "aac")
        third_or_second_layer = body[1] & 0x06 in (2, 4)
        if body[1] & 0xE0 == 0xE0 and third_or_second_layer and body[2] & 0xF0 != 0xF0 and body[2] & 0x0C != 0x0C:
            return Sniffed(_AUDIO, "mp3", "audio/mpeg", "mp3")
    return None


def _zip(head: bytes, file: BinaryIO) -> Sniffed:
    """Office, e-book and course packages are zips that say what they are by the names of their entries.

    Raises what is wrong with an Office file that its reader would refuse; any other archive is simply kept.
    """
    other = Sniffed(_OTHER, "zip", "application/zip", note=KEPT)
    try:
        archive = Archive(file)
        names = set(archive.entries)
        if _TYPES in names:
            types = archive.read(_TYPES, 2**20)
            return next((found for part, found in _OFFICE_PARTS if part in types), other)
        if "mimetype" in names:
            told = archive.read("mimetype", 2**20).strip().decode("ascii", "replace")
            return next((found for found in _TOLD_KINDS if found.media_type == told), other)
    except IngestError:
        if _TYPES.encode() in head:
            raise
        return other
    found = next((name for entry, name in _PACKAGES if entry in names), "")
    return Sniffed(MediaKind.PACKAGE, found, "application/zip", note=KEPT) if found else other


_OPEN = "application/vnd.oasis.opendocument."
_TOLD_KINDS = (
    Sniffed(MediaKind.PACKAGE, "epub", "application/epub+zip", note=KEPT),
    Sniffed(MediaKind.DOCUMENT, "odt", f"{_OPEN}text"),
    Sniffed(MediaKind.SLIDES, "odp", f"{_OPEN}presentation"),
)
_TYPES = "[Content_Types].xml"
_MS = "application/vnd.ms-"
_WITH_MACROS = "macroEnabled.12"
_OFFICE_PARTS = (
    (b"wordprocessingml.document.main", Sniffed(MediaKind.DOCUMENT, "docx", f"{_OFFICE}wordprocessingml.document")),
    (b"presentationml.presentation.main", Sniffed(MediaKind.SLIDES, "pptx", f"{_OFFICE}presentationml.presentation")),
    (b"presentationml.slideshow.main", Sniffed(MediaKind.SLIDES, "pptx", f"{_OFFICE}presentationml.slideshow")),
    (b"word.document.macroEnabled.main", Sniffed(MediaKind.DOCUMENT, "docx", f"{_MS}word.document.{_WITH_MACROS}")),
    (
        b"powerpoint.presentation.macroEnabled.main",
        Sniffed(MediaKind.SLIDES, "pptx", f"{_MS}powerpoint.presentation.{_WITH_MACROS}"),
    ),
    (
        b"powerpoint.slideshow.macroEnabled.main",
        Sniffed(MediaKind.SLIDES, "pptx", f"{_MS}powerpoint.slideshow.{_WITH_MACROS}"),
    ),
    (b"spreadsheetml.sheet.main", Sniffed(_OTHER, "xlsx", f"{_OFFICE}spreadsheetml.sheet", note=KEPT)),
)
_PACKAGES = (("h5p.json", "h5p"), ("imsmanifest.xml", "ims"), ("cmi5.xml", "cmi5"), ("tincan.xml", "tincan"))
_OLE_STREAMS = (
    ("EncryptedPackage", Sniffed(MediaKind.DOCUMENT, "ooxml-encrypted", "application/x-ole-storage", note=ENCRYPTED)),
    ("PowerPoint Document", Sniffed(MediaKind.SLIDES, "ppt", "application/vnd.ms-powerpoint")),
    ("WordDocument", Sniffed(MediaKind.DOCUMENT, "doc", "application/msword")),
    ("Workbook", Sniffed(_OTHER, "xls", "application/vnd.ms-excel", note=KEPT)),
    ("Book", Sniffed(_OTHER, "xls", "application/vnd.ms-excel", note=KEPT)),
)


def _ole(file: BinaryIO) -> Sniffed:
    """Old Office, by the names of its streams. Entries of the directory are 128 bytes, at multiples of that."""
    file.seek(0)
    data = file.read(_OLE_SCAN_BYTES)
    for name, found in _OLE_STREAMS:
        wide = name.encode("utf-16-le")
        at = data.find(wide)
        while at >= 0:
            if at % 128 == 0 and data[at + 64 : at + 67] == (len(wide) + 2).to_bytes(2, "little") + b"\x02":
                return found
            at = data.find(wide, at + 1)
    return Sniffed(_OTHER, "ole", "application/x-ole-storage", note=KEPT)


def _text(head: bytes) -> Sniffed | None:
    """Text in any encoding: subtitles, Markdown or plain. What a browser or a player would act upon stays closed."""
    if not looks_like_text(head):
        return None
    text, encoding = decode(head)
    if _PLAYLISTS.match(text):
        return Sniffed(_OTHER, "playlist", "text/plain", note=PLAYLIST)
    for name, media_type, pattern in _SUBTITLES:
        if pattern.match(text):
            return Sniffed(MediaKind.SUBTITLE, name, media_type, encoding=encoding)
    if _MARKUP.match(text):
        return Sniffed(_OTHER, "markup", "text/plain", encoding=encoding, note=MARKUP)
    if text.startswith("{\\rtf"):
        return Sniffed(_OTHER, "rtf", "application/rtf", note=KEPT)
    if not text.startswith("#!") and (len(_MARKDOWN.findall(text)) >= 2 or text.lstrip().startswith("# ")):
        return Sniffed(MediaKind.TEXT, "markdown", "text/markdown", encoding=encoding)
    return Sniffed(MediaKind.TEXT, "text", "text/plain", encoding=encoding)


def _unknown(head: bytes) -> Sniffed:
    """Something else: named if puremagic knows it, never opened."""
    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        guesses = []
    media_type = next((guess.mime_type for guess in guesses if guess.mime_type), "application/octet-stream")
    return Sniffed(_OTHER, "unknown", media_type, note=KEPT)
