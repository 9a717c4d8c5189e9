"""All weights of the ranking, in one place. Tuned on judged questions: `make eval` shows what a change does."""

WORD = 1.0  # a word anywhere in the document
SMALL_WORD = 0.6  # a word like 的 or 什么
CHARACTER = 0.4  # a single character: brings back what segmentation cut otherwise
PAIR = 0.6  # two neighbouring words of the query side by side
PART = 0.5  # a word found only inside a longer word
PIECE = 0.4  # each piece of a long word, where they stand apart
SYNONYM = 0.6  # what means the same, beside the word itself
TITLE = 1.0  # on top of WORD, when the word stands in the title
TITLE_ASKED = 0.8  # the same, where a whole question was asked: more of its words are in titles by chance
EACH_OF_ALL = 4.0  # for each word of the query, where a few documents hold them all and others some
WHOLE_TITLE = 10.0  # the query is the title, letter for letter
TITLE_SOUND = 8.0  # the query sounds like the title, or is its initials
SUBJECT = 0.5
PEOPLE = 0.5
INSTITUTION = 0.3
DESCRIPTION = 0.1
SOUND = 0.5  # a pair of syllables, once not every word is asked for: forgives homophones
SOUND_TYPED = 1.2  # the same, when the query was typed in pinyin
SOUND_BESIDE = 1.2  # a pair whose syllables are words of one character each: a name or a slip that was cut apart
PASSAGE_CHARACTER = 0.3
MEANING = 0.4  # of the best score by words, for what is nearest to a question; the farthest gets nothing

QUALITY = 0.05  # a complete record counts at most so much more (factor 1.05)
OPENS = 0.03  # a record that was opened often counts at most so much more
FRESH = 0.02  # a new record counts at most so much more
