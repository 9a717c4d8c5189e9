"""What a resource page says to machines and to those who quote it: schema.org, GB/T 7714, BibTeX."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from repo_service.services.records import Record
from repo_service.web.view import CHINA

LICENCE_URLS = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC-BY-NC-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "CC-BY-NC-SA-4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "CC-BY-ND-4.0": "https://creativecommons.org/licenses/by-nd/4.0/",
    "CC-BY-NC-ND-4.0": "https://creativecommons.org/licenses/by-nc-nd/4.0/",
}
_TYPES = {"video": "VideoObject", "audio": "AudioObject", "image": "ImageObject"}
_SAFE = str.maketrans({c: f"\\{c}" for c in "&%$#_"})


@dataclass(frozen=True, slots=True)
class Citation:
    """The same reference in the national style and as BibTeX."""

    gb: str
    bibtex: str


def citation(record: Record, public_url: str, now: datetime) -> Citation:
    """Who, what, where, when, seen when: GB/T 7714 for a document on the web."""
    who = ", ".join(record.creators) or record.institution_name
    when = record.published_at or record.created_at
    day, today = f"{when.astimezone(CHINA):%Y-%m-%d}", f"{now.astimezone(CHINA):%Y-%m-%d}"
    address = public_url + record.url
    place = f"{record.institution_name}, " if record.creators else ""
    gb = f"{who}. {record.title}[EB/OL]. {place}({day})[{today}]. {address}."
    fields = {
        "author": " and ".join(record.creators) or f"{{{record.institution_name}}}",
        "title": f"{{{record.title}}}",
        "organization": record.institution_name,
        "year": day[:4],
        "url": address,
        "urldate": today,
    }
    lines = [f"  {name} = {{{value if 'url' in name else value.translate(_SAFE)}}}" for name, value in fields.items()]
    return Citation(gb=gb, bibtex="\n".join([f"@misc{{xuehai-{record.id[-12:]},", ",\n".join(lines), "}"]))


def linked_data(record: Record, public_url: str) -> dict[str, Any]:
    """The record as schema.org JSON-LD: a learning resource, and a video, sound or picture where it is one."""
    play = record.playback
    picture = play.poster_url or record.thumbnail_url
    types = ["LearningResource", *([_TYPES[record.media_kind]] if record.media_kind in _TYPES else [])]
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": types,
        "@id": public_url + record.url,
        "url": public_url + record.url,
        "identifier": record.id,
        "name": record.title,
        "description": record.description or record.title,
        "inLanguage": record.language,
        "license": LICENCE_URLS.get(record.licence, record.licence),
        "isAccessibleForFree": True,
        "provider": {
            "@type": "Organization",
            "name": record.institution_name,
            "url": f"{public_url}/institutions/{record.institution}",
        },
        "author": [{"@type": "Person", "name": name} for name in record.creators],
        "about": [subject.label_zh for subject in record.subject_labels],
        "keywords": record.keywords,
        "educationalLevel": record.level,
        "dateModified": record.updated_at.isoformat(),
        "datePublished": record.published_at.isoformat() if record.published_at else "",
        "thumbnailUrl": public_url + picture if picture else "",
        "contentUrl": public_url + (play.mp4_url or play.audio_url or play.preview_url or play.image_url or ""),
    }
    if record.media_kind in ("video", "audio"):
        data["uploadDate"] = (record.published_at or record.created_at).isoformat()
        data["duration"] = f"PT{round(record.duration or 0)}S"
    return {name: value for name, value in data.items() if value not in ("", [], public_url)}
