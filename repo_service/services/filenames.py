"""Names of files as people give them: made safe to show, and read for what they say about captions.

A name is only ever shown, offered for download and compared; no path on any disk is made of it.
"""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

LONGEST = 200  # characters
LONGEST_STEM = 300  # folded, one character may become eighteen; it is what the column holds
NAMELESS = "unnamed"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLAYED = _words(
    "mp4 m4v mov mkv webm avi wmv asf flv f4v mpg mpeg m2v m2ts mts ts 3gp 3g2 ogv ogm vob rm rmvb mxf dv divx "
    "mp3 m4a m4b aac wav flac ogg oga opus wma amr aiff aif ape"
)
CAPTIONS = _words("srt vtt ass ssa")
PICTURES = _words("jpg jpeg png webp gif bmp tif tiff")
PROGRAMS = _words(
    "exe msi msix com scr pif bat cmd ps1 vbs vbe js jse wsf hta cpl dll sys lnk reg scf inf jar apk deb rpm dmg "
    "appimage sh bash so"
)
PROGRAM_TYPES = _words(
    "application/x-msdownload application/x-dosexec application/vnd.microsoft.portable-executable "
    "application/x-executable application/x-sharedlib application/x-sh application/x-bat "
    "application/vnd.android.package-archive application/java-archive application/x-msi"
)
_TAG_WORDS = _words(
    "zh zho chi cmn zhs zht chs cht sc tc cn tw hk gb gbk big5 en eng ja jp jpn ko kor fr fra de deu ru rus es spa "
    "bo bod ug uig mn mon ii za sdh cc hi forced default full "
    "中文 简体 繁体 简中 繁中 简体中文 繁体中文 英文 英语 双语 中英 中英双语 中英字幕 字幕"
)
_TAG = re.compile(
    rf"(?:\.[a-z]{{2,3}}(?:[-_][a-z0-9]{{2,8}})*"
    rf"|[._\- ](?:{'|'.join(sorted(_TAG_WORDS, key=len, reverse=True))})(?:[-_](?:hans|hant|cn|tw|hk|us|gb))?)$"
)


@dataclass(frozen=True, slots=True)
class GivenName:
    """A cleaned name taken apart: ``stem`` folded for comparing, ``extension`` lower-case without its dot."""

    name: str
    stem: str
    extension: str

    @property
    def played(self) -> bool:
        """Whether the name is one of a video or a sound, that captions may belong to."""
        return self.extension in PLAYED

    @property
    def captions(self) -> bool:
        """Whether the name is one of subtitles."""
        return self.extension in CAPTIONS

    @property
    def title(self) -> str:
        """The name without its extension, as it was written."""
        return self.name.removesuffix(PurePosixPath(self.name).suffix).strip() or self.name

    @property
    def key(self) -> str:
        """What a video and all of its captions have in common; `belongs` looks closer."""
        return _untagged(self.stem)[-1]


def clean(raw: str) -> str:
    """A name that is safe to show: the last part of a path, no control, bidi or invisible characters, ≤ 200 long.

    The extension survives the cut. Never empty.
    """
    last = re.split(r"[/\\]", raw)[-1]
    kept = line(last, len(last))
    if not kept.strip("."):
        return NAMELESS
    if len(kept) <= LONGEST:
        return kept
    suffix = PurePosixPath(kept).suffix
    suffix = suffix if len(suffix) <= 12 else ""
    return kept[: LONGEST - len(suffix)].rstrip() + suffix


def line(raw: str, longest: int = 500) -> str:
    """One line of text without characters that cannot be seen, cut to a length."""
    kept = "".join(_visible(character) for character in unicodedata.normalize("NFC", raw))
    return re.sub(r"\s+", " ", kept).strip()[:longest]


def folder_of(raw: str) -> str:
    """The cleaned folder of a relative path, ``""`` at the top; only ever compared, never opened."""
    parts = [clean(part) for part in re.split(r"[/\\]", raw)[:-1] if part.strip(". ")]
    return "/".join(parts)[-LONGEST:]


def parse(raw: str) -> GivenName:
    """Clean a name and take it apart."""
    name = clean(raw)
    extension = PurePosixPath(name).suffix[1:].casefold()
    stem = name.removesuffix(PurePosixPath(name).suffix) if extension else name
    folded = unicodedata.normalize("NFKC", stem).casefold().strip()
    return GivenName(name=name, stem=folded[:LONGEST_STEM], extension=extension)


def belongs(captions: GivenName, played: GivenName) -> bool:
    """Whether captions named so are those of a video named so: ``lesson.zh.srt`` of ``lesson.mp4``."""
    return captions.captions and played.played and played.stem in _untagged(captions.stem)


def decode(raw: bytes) -> str:
    """Text of a name that an old client did not send as UTF-8: GB18030, else Latin-1. Never fails."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _visible(character: str) -> str:
    """The character, a space for one that breaks lines, nothing for one that cannot be seen."""
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} else character


def _untagged(stem: str) -> list[str]:
    """The stem, and what is left as language tags, and a video's extension, are taken off its end one by one."""
    found = [stem]
    while True:
        shorter = _TAG.sub("", found[-1]).strip()
        head, _, extension = found[-1].rpartition(".")
        if shorter == found[-1] and extension in PLAYED:
            shorter = head.strip()
        if not shorter or shorter == found[-1]:
            return found
        found.append(shorter)
