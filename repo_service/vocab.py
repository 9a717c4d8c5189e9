"""The words of the catalogue: the values that fields may take, as in the published contract."""

STATES = ("draft", "submitted", "in_review", "published", "rejected", "withdrawn")
PROCESSING = ("none", "queued", "running", "ready", "partial", "failed")
JOB_STATES = ("waiting", "ready", "running", "done", "failed", "cancelled")
ROLES = (
    "learner",
    "uploader",
    "curator",
    "reviewer",
    "institution_admin",
    "division_official",
    "auditor",
    "system_admin",
)
SCOPES = ("read", "upload", "curate", "review", "admin", "all")
INSTITUTION_KINDS = (
    "university",
    "vocational_school",
    "county_vocational_centre",
    "township_adult_school",
    "open_university",
    "elder_university",
    "library",
    "cultural_centre",
    "mass_art_centre",
    "museum",
    "stadium",
    "community_centre",
    "science_school",
    "enterprise",
    "government",
)
KINDS = (
    "adult_degree",
    "professional",
    "workers",
    "rural_adults",
    "community",
    "elders",
    "reading",
    "vocational_skills",
)
MEDIA_KINDS = ("video", "audio", "slides", "document", "text", "image", "package")
PASSAGE_KINDS = ("cue", "slide", "page", "section", "chapter")
FILE_ROLES = ("source", "captions", "cover", "attachment")
LICENCES = (
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-NC-ND-4.0",
    "LicenseRef-audience",
)
DOWNLOADABLE = frozenset(LICENCES) - {"LicenseRef-audience"}
LEVELS = ("primary", "secondary", "vocational", "undergraduate", "postgraduate", "everyone")
