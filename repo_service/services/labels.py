"""What the values of facets are called, in Chinese and English."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from repo_service.db import Database
from repo_service.models import Division, Institution, Subject
from repo_service.services.moments import OfMoment
from search.fold import fold

Locale = Literal["zh", "en"]
Labels = Mapping[str, tuple[str, str]]  # value → (Chinese, English)

FACETS: Labels = {
    "institution": ("机构", "Institution"),
    "institution_kind": ("机构类型", "Kind of institution"),
    "division": ("行政区划", "Division"),
    "kind": ("教育类型", "Kind of education"),
    "degree": ("学历教育", "Degree education"),
    "vocational": ("职业教育", "Vocational education"),
    "subject": ("学科", "Subject"),
    "level": ("程度", "Level"),
    "media_kind": ("媒体", "Medium"),
    "language": ("语言", "Language"),
    "licence": ("许可协议", "Licence"),
    "duration": ("时长", "Duration"),
    "year": ("制作年份", "Year it was made"),
    "captions": ("字幕", "Captions"),
    "downloadable": ("下载", "Download"),
}
INSTITUTION_KINDS: Labels = {
    "university": ("高校", "University"),
    "vocational_school": ("职业院校", "Vocational school"),
    "county_vocational_centre": ("县级职教中心", "County vocational education centre"),
    "township_adult_school": ("乡镇成人文化技术学校", "Township adult school"),
    "open_university": ("开放大学", "Open university"),
    "elder_university": ("老年大学", "University for elders"),
    "library": ("图书馆", "Library"),
    "cultural_centre": ("文化馆", "Cultural centre"),
    "mass_art_centre": ("群众艺术馆", "Mass art centre"),
    "museum": ("博物馆", "Museum"),
    "stadium": ("体育场", "Stadium"),
    "community_centre": ("社区文化活动中心", "Community activity centre"),
    "science_school": ("社区科普学校", "Popular-science school"),
    "enterprise": ("企业", "Enterprise"),
    "government": ("政府部门", "Government department"),
}
KINDS: Labels = {
    "adult_degree": ("成人学历提升", "Adult degree upgrading"),
    "professional": ("专业技术人员", "Professional and technical staff"),
    "workers": ("职工", "Workers"),
    "rural_adults": ("农村成人", "Rural adults"),
    "community": ("社区", "Community"),
    "elders": ("老年", "Elders"),
    "reading": ("全民阅读", "Reading for all"),
    "vocational_skills": ("职业技能培训", "Vocational skills"),
}
MEDIA_KINDS: Labels = {
    "video": ("视频", "Video"),
    "audio": ("音频", "Audio"),
    "slides": ("演示文稿", "Slides"),
    "document": ("文档", "Document"),
    "text": ("文本", "Text"),
    "image": ("图片", "Image"),
    "package": ("课件包", "Package"),
}
LICENCES: Labels = {
    "CC0-1.0": ("CC0 放弃权利", "CC0 Public domain"),
    "CC-BY-4.0": ("CC BY 署名", "CC BY"),
    "CC-BY-SA-4.0": ("CC BY-SA 署名—相同方式共享", "CC BY-SA"),
    "CC-BY-NC-4.0": ("CC BY-NC 署名—非商业", "CC BY-NC"),
    "CC-BY-NC-SA-4.0": ("CC BY-NC-SA 署名—非商业—相同方式共享", "CC BY-NC-SA"),
    "CC-BY-ND-4.0": ("CC BY-ND 署名—禁止演绎", "CC BY-ND"),
    "CC-BY-NC-ND-4.0": ("CC BY-NC-ND 署名—非商业—禁止演绎", "CC BY-NC-ND"),
    "LicenseRef-audience": ("仅供在线学习", "To learn online only"),
}
LEVELS: Labels = {
    "primary": ("小学", "Primary"),
    "secondary": ("中学", "Secondary"),
    "vocational": ("职业", "Vocational"),
    "undergraduate": ("本科", "Undergraduate"),
    "postgraduate": ("研究生", "Postgraduate"),
    "everyone": ("所有人", "Everyone"),
}
DURATIONS: Labels = {
    "under_5": ("5 分钟以内", "Under 5 minutes"),
    "5_to_20": ("5–20 分钟", "5 to 20 minutes"),
    "20_to_60": ("20–60 分钟", "20 to 60 minutes"),
    "over_60": ("1 小时以上", "Over an hour"),
}
LANGUAGES: Labels = {
    "zh-Hans": ("简体中文", "Chinese (Simplified)"),
    "zh-Hant": ("繁体中文", "Chinese (Traditional)"),
    "zh-CN": ("中文（中国大陆）", "Chinese (Mainland)"),
    "zh-TW": ("中文（台湾）", "Chinese (Taiwan)"),
    "zh": ("中文", "Chinese"),
    "en": ("英语", "English"),
    "ja": ("日语", "Japanese"),
    "ko": ("韩语", "Korean"),
    "fr": ("法语", "French"),
    "de": ("德语", "German"),
    "ru": ("俄语", "Russian"),
    "es": ("西班牙语", "Spanish"),
    "ug": ("维吾尔语", "Uyghur"),
    "bo": ("藏语", "Tibetan"),
    "mn": ("蒙古语", "Mongolian"),
    "und": ("未注明", "Not stated"),
}
PASSAGE_KINDS: Labels = {
    "cue": ("讲述", "Speech"),
    "slide": ("幻灯片", "Slide"),
    "page": ("页", "Page"),
    "section": ("章节", "Section"),
    "chapter": ("章", "Chapter"),
}
WHY: Labels = {
    "title": ("标题", "title"),
    "description": ("简介", "description"),
    "subjects": ("学科与关键词", "subjects and keywords"),
    "people": ("作者", "people"),
    "institution": ("机构", "institution"),
    "passages": ("内容", "content"),
}
_YES_NO: Mapping[str, Labels] = {
    "degree": {"true": ("学历", "Degree"), "false": ("非学历", "Non-degree")},
    "vocational": {"true": ("职业", "Vocational"), "false": ("非职业", "Non-vocational")},
    "captions": {"true": ("有字幕", "With captions"), "false": ("无字幕", "Without captions")},
    "downloadable": {"true": ("可自由下载", "Free to download"), "false": ("仅在线学习", "To learn online only")},
}
_FIXED: Mapping[str, Labels] = {
    "institution_kind": INSTITUTION_KINDS,
    "kind": KINDS,
    "media_kind": MEDIA_KINDS,
    "licence": LICENCES,
    "level": LEVELS,
    "duration": DURATIONS,
    "language": LANGUAGES,
    **_YES_NO,
}
_NAMED = {
    "institution": (Institution.slug, Institution.name, Institution.name_en),
    "division": (Division.code, Division.name),
    "subject": (Subject.code, Subject.label_zh, Subject.label_en),
}
_NAMES = {
    facet: select(*columns).where(columns[0].in_(bindparam("values", expanding=True)))
    for facet, columns in _NAMED.items()
}
_known = OfMoment[Sequence[str]]()  # (facet, value) → names
_ALIKE = 20  # values that one name may stand for
_SAID = {
    **dict.fromkeys(("有", "是", "yes", "true"), "true"),
    **dict.fromkeys(("无", "没有", "否", "no", "false"), "false"),
}
_LEAST = 2  # characters of the beginning of a name
_ALSO: Mapping[str, Mapping[str, str]] = {
    "media_kind": {
        **dict.fromkeys(("ppt", "pptx", "课件", "幻灯片"), "slides"),
        **dict.fromkeys(("pdf", "word", "doc", "docx"), "document"),
        **dict.fromkeys(("mp4", "录像", "影片"), "video"),
        **dict.fromkeys(("mp3", "录音"), "audio"),
    }
}
_DURATION_ENDS = ((300.0, "under_5"), (1200.0, "5_to_20"), (3600.0, "20_to_60"))


def duration_class(seconds: float | None) -> tuple[str, ...]:
    """The class of a length in seconds, as the facet has it; none for what has no length."""
    if not seconds or seconds <= 0:
        return ()
    return (next((name for end, name in _DURATION_ENDS if seconds < end), "over_60"),)


def label(facet: str, value: str, locale: Locale = "zh") -> str:
    """What a value of a fixed facet is called; the value itself when nobody named it."""
    pair = _FIXED.get(facet, {}).get(value)
    if pair is None:
        return value
    return pair[0] if locale == "zh" else pair[1]


def values_called(session: Session, facet: str, name: str) -> tuple[str, ...]:
    """The values of a facet that people call so, in either language or by the value itself; none when nobody does.

    Where none is called so, those whose name begins so: 金水 for 金水区, cc0 for CC0-1.0. Institutions and subjects are
    looked for by their words instead.
    """
    wanted = _ALSO.get(facet, {}).get(fold(name), fold(name))
    if facet in _NAMED:
        value, *names = _NAMED[facet]
        either = or_(value == name, *(column.in_({name, wanted}) for column in names))
        found = tuple(session.scalars(select(value).where(either).order_by(value).limit(_ALIKE)))
        if found or facet != "division" or len(wanted) < _LEAST:
            return found
        begins = Division.name.startswith(name, autoescape=True)
        return tuple(session.scalars(select(value).where(begins).order_by(value).limit(_ALIKE)))
    if facet in _YES_NO and wanted in _SAID:
        return (_SAID[wanted],)
    known = {value: {fold(value), *map(fold, pair)} for value, pair in _FIXED.get(facet, {}).items()}
    if facet == "language":  # Chinese is written in several ways: a name may go on, a code may have a part more
        return tuple(value for value, names in known.items() if any(_goes_on(wanted, one) for one in names))
    exact = tuple(value for value, names in known.items() if wanted in names)
    if exact or len(wanted) < _LEAST:
        return exact
    return tuple(value for value, names in known.items() if any(one.startswith(wanted) for one in names))


def _goes_on(wanted: str, name: str) -> bool:
    """Whether a name holds this one: 中文 in 简体中文. Latin ones only go on: else ``en`` were in French."""
    return f"{name} ".startswith((f"{wanted}-", f"{wanted} ")) if wanted.isascii() else wanted in name


def labels(db: Database, facet: str, values: Iterable[str], locale: Locale) -> dict[str, str]:
    """Names of the values of any facet; those of institutions, divisions and subjects come from the database."""
    return labels_of(db, {facet: list(values)}, locale)[facet]


def labels_of(db: Database, wanted: Mapping[str, Sequence[str]], locale: Locale) -> dict[str, dict[str, str]]:
    """By facet, names of the values of several facets, with one look at the database at most."""
    stored = [facet for facet in wanted if facet in _NAMES]
    known = _known.at(db) if stored else {}
    missing = {facet: [value for value in wanted[facet] if (facet, value) not in known] for facet in stored}
    if any(missing.values()):
        with db.look() as connection:
            for facet, values in missing.items():
                rows = connection.execute(_NAMES[facet], {"values": values}).all()
                known.update(((facet, value), names) for value, *names in rows)
    return {
        facet: {
            value: _in(locale, known.get((facet, value), [value])) if facet in stored else label(facet, value, locale)
            for value in values
        }
        for facet, values in wanted.items()
    }


def _in(locale: Locale, names: Sequence[str]) -> str:
    """Names in Chinese and perhaps in English."""
    return next(filter(None, names[1:]), names[0]) if locale == "en" else names[0]
