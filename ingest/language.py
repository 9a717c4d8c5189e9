"""Which language a text is in, as far as its characters tell."""

import re

# Frequent characters that the two scripts write differently.
_SIMPLIFIED = (
    "这个们来为国说时会对于过发后里种经么学现当没动还进样开从实军无与长机关点业将两间问并应战头体见产话内"
    "给门东声员论处义几认条气题尔别变总电数报结场计资许统区队决马书则听达强难权设记类据边张该规万觉术领确"
    "传师观让识带导争运笔课请谢节习讲"
)
_TRADITIONAL = (
    "這個們來為國說時會對於過發後裡種經麼學現當沒動還進樣開從實軍無與長機關點業將兩間問並應戰頭體見產話內"
    "給門東聲員論處義幾認條氣題爾別變總電數報結場計資許統區隊決馬書則聽達強難權設記類據邊張該規萬覺術領確"
    "傳師觀讓識帶導爭運筆課請謝節習講"
)
_ONLY_SIMPLIFIED = frozenset(_SIMPLIFIED) - frozenset(_TRADITIONAL)
_ONLY_TRADITIONAL = frozenset(_TRADITIONAL) - frozenset(_SIMPLIFIED)
_ENGLISH = frozenset(
    ("the", "of", "and", "to", "a", "in", "is", "that", "it", "for", "you", "this", "with", "are", "we")
)
_THREE_LETTERS = {
    "chi": "zh",
    "zho": "zh",
    "cmn": "zh",
    "eng": "en",
    "jpn": "ja",
    "kor": "ko",
    "fre": "fr",
    "fra": "fr",
    "ger": "de",
    "deu": "de",
    "spa": "es",
    "rus": "ru",
}
_NAMES = {
    "zh": "中文",
    "zh-Hans": "中文（简体）",
    "zh-Hant": "中文（繁體）",
    "en": "English",
    "ja": "日本語",
    "ko": "한국어",
    "fr": "Français",
    "de": "Deutsch",
    "es": "Español",
    "ru": "Русский",
}


def detected(text: str, hint: str = "") -> str:
    """A BCP 47 tag: zh-Hans, zh-Hant, ja, ko, en by their characters and words; else the hint, else ""."""
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return tag(hint)
    han = sum("\u4e00" <= char <= "\u9fff" for char in letters)
    kana = sum("\u3040" <= char <= "\u30ff" for char in letters)
    hangul = sum("\uac00" <= char <= "\ud7a3" for char in letters)
    if kana > len(letters) * 0.05:
        return "ja"
    if hangul > len(letters) * 0.2:
        return "ko"
    if han > len(letters) * 0.15:
        simplified = sum(char in _ONLY_SIMPLIFIED for char in letters)
        traditional = sum(char in _ONLY_TRADITIONAL for char in letters)
        return "zh-Hant" if traditional > simplified else "zh-Hans"
    words = re.findall(r"[a-z']+", text.lower())
    if words and sum(word in _ENGLISH for word in words) > 0.08 * len(words):
        return "en"
    return tag(hint)


def tag(name: str) -> str:
    """A BCP 47 tag for what containers and file names call a language; "" when it is no such name."""
    found = _THREE_LETTERS.get(name.lower(), name)
    return found if re.fullmatch(r"[a-zA-Z]{2,3}(-[A-Za-z0-9]{2,8})*", found) else ""


def name_of(language: str) -> str:
    """What a language calls itself, for a menu; the tag itself when it is not among the few known ones."""
    return _NAMES.get(language, language)
