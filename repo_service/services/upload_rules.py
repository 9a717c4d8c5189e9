"""What an upload may be: its size, type, role and place, and whether its giver may still give."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge, TooMany, UnsupportedType
from repo_service.models import File, Institution, Resource, Upload
from repo_service.policy import Actor, can
from repo_service.services import catalog, deposits, filenames, sessions
from repo_service.services.usage import promised_bytes, quota_of, used_bytes
from repo_service.vocab import FILE_ROLES

MOST_OPEN = 2000  # uploads on their way that one giver may have


@dataclass(frozen=True, slots=True)
class Announced:
    """What a client says of an upload before its first byte. ``length`` None: it will say so later.

    ``institution`` is a slug or an id; empty when ``resource_id`` names where the file goes, or when the giver belongs
    to one institution only.
    """

    filename: str
    length: int | None
    institution: str = ""
    filetype: str = ""
    role: str = "source"
    resource_id: str | None = None
    folder: str = ""
    title: str = ""
    replaces: str | None = None
    echo: str = ""  # the Upload-Metadata header, given back by HEAD


def check_declared(ctx: Context, announced: Announced) -> None:
    """Refuse by what is declared: length, role, type. What the bytes are is for ``identify`` to say."""
    if announced.length is not None and announced.length > ctx.settings.upload_max_bytes:
        raise TooLarge(limit=ctx.settings.upload_max_bytes)
    if announced.role not in FILE_ROLES:
        raise Invalid(errors=(("role", "unknown_role", announced.role),))
    if announced.role in ("cover", "attachment") and not announced.resource_id:
        raise Invalid(errors=(("role", "role_needs_resource", announced.role),))
    if announced.replaces and not announced.resource_id:
        raise Invalid(errors=(("replaces", "replaces_needs_resource", announced.replaces),))
    extension = filenames.parse(announced.filename).extension
    kind = announced.filetype.partition("/")[0]
    deposits.refuse_program(announced.filename, announced.filetype)
    wrong = (announced.role == "captions" and extension not in filenames.CAPTIONS) or (
        announced.role == "cover" and extension not in filenames.PICTURES and kind != "image"
    )
    if wrong:
        raise UnsupportedType(code="file_type_refused", filename=filenames.clean(announced.filename))


def destination(session: Session, actor: Actor, announced: Announced) -> Institution:
    """The institution that the file goes to, after the rights were checked."""
    if announced.resource_id:
        resource = catalog.visible(session, actor, announced.resource_id)
        if announced.institution:
            named = deposits.institution_named(session, announced.institution)
            if named.id != resource.institution_id:
                raise Invalid(errors=(("institution", "other_institution", announced.institution),))
        if not _may_add_to(actor, resource):
            raise Forbidden
        if resource.state == "withdrawn":
            raise Conflict(code="resource_withdrawn")
        _check_replaced(session, resource, announced.replaces)
        return resource.institution
    institution = _named_or_only(session, actor, announced.institution)
    if not can(actor, "resource.create", institution_id=institution.id):
        raise Forbidden
    return institution


def _check_replaced(session: Session, resource: Resource, file_id: str | None) -> None:
    if file_id is None:
        return
    file = session.get(File, file_id)
    if file is None or file.resource_id != resource.id or file.version != resource.version or file.source_id:
        raise NotFound(code="file_not_found")


def _named_or_only(session: Session, actor: Actor, name: str) -> Institution:
    if name:
        return deposits.institution_named(session, name)
    if len(actor.roles) != 1:
        raise Invalid(errors=(("institution", "institution_required", ""),))
    return deposits.institution_named(session, next(iter(actor.roles)))


def _may_add_to(actor: Actor, resource: Resource) -> bool:
    return can(actor, "resource.upload", institution_id=resource.institution_id, owner_id=resource.created_by)


def entitled(session: Session, upload: Upload) -> bool:
    """Whether the giver may still give: the address dies with the membership, whatever else was right once."""
    actor = sessions.actor_of_user(session, upload.user_id) if upload.user_id else None
    if actor is None:
        return False
    if upload.state == "done" or upload.resource_id is None:
        return can(actor, "resource.create", institution_id=upload.institution_id) or _edits(session, actor, upload)
    return _edits(session, actor, upload)


def _edits(session: Session, actor: Actor, upload: Upload) -> bool:
    resource = session.get(Resource, upload.resource_id) if upload.resource_id else None
    return resource is not None and _may_add_to(actor, resource)


def fix_length(session: Session, ctx: Context, upload: Upload, length: int) -> None:
    """Take the length of an upload that was deferred; one that was known may only be repeated."""
    if upload.length == length:
        return
    if upload.length is not None or length < upload.offset:
        raise Invalid(code="upload_length_changed", errors=(("Upload-Length", "upload_length_changed", str(length)),))
    if length > ctx.settings.upload_max_bytes:
        raise TooLarge(limit=ctx.settings.upload_max_bytes)
    institution = session.get_one(Institution, upload.institution_id)
    check_room(session, ctx, institution, length - upload.offset)
    upload.length = length


def check_room(session: Session, ctx: Context, institution: Institution, more: int) -> None:
    """Raises TooLarge when ``more`` bytes, beside those held and on their way, are over the quota."""
    used = used_bytes(session, institution.id) + promised_bytes(session, institution.id)
    if used + more > quota_of(ctx, institution):
        raise TooLarge(code="quota_exceeded", quota=quota_of(ctx, institution))


def check_count(session: Session, actor: Actor) -> None:
    """Raises TooMany when the giver has too many unfinished uploads."""
    query = select(func.count()).select_from(Upload).where(Upload.user_id == actor.id, Upload.state == "open")
    if (session.scalar(query) or 0) >= MOST_OPEN:
        raise TooMany(code="too_many_uploads", limit=MOST_OPEN)
