"""Why a file could not be read. The code decides whether trying again makes sense, never the text."""

CODES: dict[str, str] = {
    # the sandbox
    "missing_program": "A program that this step needs is not installed on the server.",
    "sandbox_unavailable": "The server refuses the sandbox in which uploaded files are opened.",
    "sandbox_crashed": "The program that read the file crashed.",
    "took_too_long": "Reading the file took longer than is allowed.",
    "too_much_memory": "Reading the file needed more memory than is allowed.",
    "too_many_processes": "The program that read the file started more processes than are allowed.",
    "output_too_large": "What came out of the file is larger than is allowed.",
    "parser_failed": "The file is damaged in a way that its reader does not understand.",
    # the pipeline
    "unknown_step": "There is no such step for a file of this kind.",
    "empty_file": "The file is empty.",
    # audio and video
    "media_unreadable": "The audio or video file is damaged, or ends before its index.",
    "media_too_large": "The picture, the duration or the number of tracks of the file is larger than is allowed.",
    "no_streams": "The file holds neither sound nor moving pictures.",
    "unsupported_codec": "The sound or picture is coded in a way that the server cannot read.",
    "nothing_decodable": "Not one second of the file could be decoded.",
    "transcode_failed": "Making the playable forms failed.",
    "picture_failed": "No picture could be taken from the file.",
    # captions
    "captions_unreadable": "The file is not a subtitle file that can be read (SRT, WebVTT or ASS).",
    "captions_empty": "The subtitle file holds no cue.",
    "cover_unreadable": "The cover is not a picture that can be read (JPEG, PNG or WebP).",
    # documents and pictures
    "document_encrypted": "The document can only be opened with a password.",
    "document_unreadable": "The document is damaged, or is not what its kind should be.",
    "document_too_large": "The document has more pages or more text than is allowed.",
    "preview_crashed": "The program that makes the preview crashed.",
    "image_unreadable": "The picture is damaged.",
    "image_too_large": "The picture has more pixels than are allowed.",
    # archives and XML
    "archive_unreadable": "The archive is damaged.",
    "archive_encrypted": "The archive is encrypted.",
    "archive_too_large": "The archive unpacks to more than is allowed.",
    "archive_unsafe": "The archive holds names or entries that are not safe to unpack.",
    "xml_unreadable": "The file holds XML that is damaged.",
    "xml_too_large": "The file holds more XML than is allowed.",
    "xml_forbidden": "The file holds XML with entities or a document type, which are refused.",
}
"""What each code means. The documentation and the sentences of the pages are compared with this table."""

NOTES: dict[str, str] = {
    "kept_as_attachment": "The file is of a kind that is not opened: it is kept and can be downloaded.",
    "playlist": "The file names other files or addresses, which are never fetched: it is kept unopened.",
    "markup": "The file is markup that a browser would act upon: it is kept unopened.",
    "encrypted": "The file is encrypted.",
    "scanned": "The pages are pictures without text: they can be read, but not searched.",
    "ends_early": "The file ends earlier than it says: what is there can be played.",
    "no_sound": "The sound could not be read: the pictures can be played.",
    "bitmap_subtitles": "Subtitles that are pictures of letters cannot be read.",
    "captions_cut": "The subtitle file holds more than is kept.",
}
"""What a step may find worth saying though nothing failed: its fact ``note``."""


class IngestError(Exception):
    """A step failed for a reason with a stable ``code``.

    ``retryable`` is true where another attempt may end otherwise (a killed child, a full disk), false where the
    bytes themselves are the reason. ``detail`` is for the log and the desk;
    the sentence for people comes from the code.
    """

    def __init__(self, code: str, detail: str = "", *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail[:2000]
        self.retryable = retryable


class Cancelled(Exception):
    """The caller asked to stop: the lease was lost or the worker is going down. Nothing may be written."""
