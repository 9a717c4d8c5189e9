"""What the published words are called on pages: states, steps, roles, and how each is toned."""

from repo_service.services import labels
from repo_service.web.catalogue import translations
from repo_service.web.look import Locale
from repo_service.web.sentences import N_

STATE = {
    "draft": N_("Draft"),
    "submitted": N_("Submitted"),
    "in_review": N_("Approved, not yet public"),
    "published": N_("Published"),
    "rejected": N_("Returned"),
    "withdrawn": N_("Withdrawn"),
}
STATE_WORDS = {
    "draft": N_("Only its makers see it. When it is ready and described, submit it for review."),
    "submitted": N_("It waits for a reviewer. Until then it can still be edited."),
    "in_review": N_("The review approved it. It becomes public when it is published."),
    "published": N_("Everybody can find and use it."),
    "rejected": N_("The reviewer asks for changes. Nothing is lost: edit it and submit it again."),
    "withdrawn": N_("It is no longer public. Its files are kept; it can be submitted again."),
}
PROCESSING = {
    "none": N_("No file yet"),
    "queued": N_("In the queue"),
    "running": N_("Being prepared"),
    "ready": N_("Ready"),
    "partial": N_("Ready in part"),
    "failed": N_("Failed"),
}
PROCESSING_WORDS = {
    "none": N_("Bring a file, then it is prepared for watching, reading and searching."),
    "queued": N_("It begins as soon as a worker is free. You may close this page."),
    "running": N_("You may close this page; the work goes on."),
    "ready": N_("All steps are done."),
    "partial": N_("It can be used. A part failed; see below why, and try that part again."),
    "failed": N_("The file is kept safe. See below why, then try again or replace the file."),
}
JOB = {
    "waiting": N_("waits"),
    "ready": N_("next"),
    "running": N_("under way"),
    "done": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("not done"),
}
STEP = {
    "identify": N_("Identify"),
    "probe": N_("Look inside"),
    "transcode": N_("Make playable"),
    "poster": N_("Cover picture"),
    "storyboard": N_("Preview pictures"),
    "captions": N_("Captions"),
    "cover": N_("Cover"),
    "text": N_("Read the text"),
    "pages": N_("Pictures of pages"),
    "preview": N_("Turn into PDF"),
    "renditions": N_("Sizes of the picture"),
}
FILE_ROLE = {
    "source": N_("content"),
    "captions": N_("captions"),
    "cover": N_("cover"),
    "attachment": N_("attachment"),
    "mp4": N_("small video"),
    "audio": N_("sound only"),
    "preview": N_("for reading and printing"),
}
USER_ROLE = {
    "learner": N_("Learner"),
    "uploader": N_("Uploader"),
    "curator": N_("Curator"),
    "reviewer": N_("Reviewer"),
    "institution_admin": N_("Administrator of the institution"),
    "division_official": N_("Official of a division"),
    "auditor": N_("Auditor"),
    "system_admin": N_("Operator"),
}
ACTION = {
    "submit": N_("submitted"),
    "approve": N_("approved"),
    "return": N_("returned"),
    "publish": N_("published"),
    "withdraw": N_("withdrawn"),
}
SORT = {
    "relevance": N_("Best match"),
    "newest": N_("Newest"),
    "shortest": N_("Shortest"),
    "most_opened": N_("Most opened"),
}
PART = {
    "speech": N_("captions"),
    "slides": N_("slides"),
    "pages": N_("pages"),
    "sections": N_("text"),
}
SUGGESTION = {
    "title": N_("Courseware"),
    "course": N_("Courses"),
    "collection": N_("Collections"),
    "subject": N_("Subjects"),
    "institution": N_("Institutions"),
    "person": N_("People"),
    "query": N_("Popular searches"),
    "other": N_("Others"),
}
SCORE = {
    "title": N_("title"),
    "subjects": N_("subjects and keywords"),
    "people": N_("people"),
    "institution": N_("institution"),
    "description": N_("description"),
    "words": N_("all words"),
    "parts": N_("inside longer words"),
    "chars": N_("single characters"),
    "sounds": N_("pinyin"),
    "factor": N_("quality, freshness and opens"),
    "placed": N_("placed first"),
    "whole": N_("the whole title"),
    "every": N_("every word"),
}

TABLES = {
    "state": STATE,
    "state_words": STATE_WORDS,
    "processing": PROCESSING,
    "processing_words": PROCESSING_WORDS,
    "job": JOB,
    "step": STEP,
    "role": FILE_ROLE,
    "user_role": USER_ROLE,
    "action": ACTION,
    "sort": SORT,
    "part": PART,
    "suggestion": SUGGESTION,
    "score": SCORE,
}

_TONES = {
    "ok": {"published", "ready", "done"},
    "warn": {"partial", "withdrawn", "submitted"},
    "bad": {"failed", "rejected"},
    "busy": {"running", "in_review"},
}


def tone(word: str) -> str:
    """The class of a tag for a state of any kind: ok, warn, bad, busy, or none."""
    return next((name for name, words in _TONES.items() if word in words), "")


def word(locale: Locale, table: str, value: str | bool) -> str:
    """What a value is called: ours from the catalogue, those of the published vocabulary from its own tables."""
    key = str(value).lower() if isinstance(value, bool) else value
    if table in TABLES:
        return translations(locale).gettext(TABLES[table].get(key, key))
    pairs = {"facet": labels.FACETS, "why": labels.WHY}.get(table)
    if pairs is not None and key in pairs:
        return pairs[key][0 if locale == "zh" else 1]
    return labels.label(table, key, locale)


def short_licence(licence: str) -> str:
    """A Creative Commons licence as people write it: CC BY-NC 4.0. Others have no short name: empty."""
    parts = licence.split("-")
    if parts[0] not in ("CC", "CC0"):
        return ""
    return " ".join(filter(None, (parts[0], "-".join(parts[1:-1]), parts[-1])))
