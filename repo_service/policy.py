"""Who may do what: the whole permission table on one screen, and the one function that reads it."""

from dataclasses import dataclass, field

from repo_service.errors import Forbidden, Unauthenticated


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: nobody (anonymous), a person by session or key, or the operator at the console.

    ``roles`` maps an institution's id to the roles held there; ``everywhere`` are roles without a place. ``scopes``
    narrow what a key may do; a session has ``all``.
    """

    id: str = ""
    name: str = ""
    everywhere: frozenset[str] = frozenset()
    roles: dict[str, frozenset[str]] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset({"read"})
    division: str = ""

    @property
    def anonymous(self) -> bool:
        """Whether nobody is signed in."""
        return not self.id

    @property
    def person(self) -> str | None:
        """The id of the account, for columns that point at one; None for the operator and for nobody."""
        return self.id if self.id and self.id != OPERATOR.id else None

    def held_in(self, institution_id: str) -> frozenset[str]:
        """The roles that count for a thing of this institution."""
        return self.everywhere | self.roles.get(institution_id, frozenset())


ANONYMOUS = Actor()
OPERATOR = Actor(id="operator", name="operator", everywhere=frozenset({"system_admin"}), scopes=frozenset({"all"}))

PUBLIC = "public"  # anybody, when the thing is published
SIGNED_IN = "signed_in"  # anybody with an account, on what is their own
OWNER = "owner"  # who made the resource, while still a member of its institution
_DESK = ("uploader", "curator", "reviewer", "institution_admin")

# action: (scope that a key needs, who may)
TABLE: dict[str, tuple[str, frozenset[str]]] = {
    "resource.read": ("read", frozenset({PUBLIC, *_DESK, "auditor"})),
    "resource.create": ("upload", frozenset({"uploader", "curator", "institution_admin"})),
    "resource.edit": ("upload", frozenset({OWNER, "curator", "institution_admin"})),
    "resource.upload": ("upload", frozenset({OWNER, "curator", "institution_admin"})),
    "resource.submit": ("upload", frozenset({OWNER, "curator", "institution_admin"})),
    "resource.retry": ("upload", frozenset({OWNER, "curator", "institution_admin"})),
    "resource.decide": ("review", frozenset({"reviewer"})),
    "resource.publish": ("review", frozenset({"curator", "reviewer", "institution_admin"})),
    "resource.publish_unreviewed": ("admin", frozenset()),
    "resource.withdraw": ("upload", frozenset({OWNER, "curator", "reviewer", "institution_admin"})),
    "collection.read": ("read", frozenset({PUBLIC, "curator"})),
    "collection.edit": ("curate", frozenset({"curator"})),
    "search.curate": ("curate", frozenset({"curator"})),
    "institution.manage": ("admin", frozenset({"institution_admin"})),
    "account.use": ("read", frozenset({SIGNED_IN})),
    "account.change": ("all", frozenset({SIGNED_IN})),
    "audit.read": ("admin", frozenset({"auditor"})),
    "system.operate": ("admin", frozenset()),
}


def can(
    actor: Actor, action: str, *, institution_id: str = "", owner_id: str | None = None, public: bool = False
) -> bool:
    """Whether ``actor`` may do ``action`` to a thing of this institution, with this owner, that is public or not."""
    scope, allowed = TABLE[action]
    if public and PUBLIC in allowed:
        return True
    if actor.anonymous or not in_scope(actor, scope):
        return False
    held = actor.held_in(institution_id)
    if SIGNED_IN in allowed or "system_admin" in held or held & allowed:
        return True
    return OWNER in allowed and owner_id == actor.id and bool(actor.roles.get(institution_id))


def require(
    actor: Actor, action: str, *, institution_id: str = "", owner_id: str | None = None, public: bool = False
) -> None:
    """Refuse what `can` denies: Unauthenticated when signing in may help, else Forbidden.

    Only for things that the actor may know about; for others the answer is NotFound, whatever was asked.
    """
    if can(actor, action, institution_id=institution_id, owner_id=owner_id, public=public):
        return
    raise Unauthenticated() if actor.anonymous else Forbidden(action=action)


def places(actor: Actor, action: str) -> frozenset[str] | None:
    """The institutions where `can` allows ``action`` by role, None for all of them: the table as a database filter."""
    scope, allowed = TABLE[action]
    if actor.anonymous or not in_scope(actor, scope):
        return frozenset()
    if "system_admin" in actor.everywhere or actor.everywhere & allowed:
        return None
    return frozenset(place for place, held in actor.roles.items() if "system_admin" in held or held & allowed)


def anywhere(actor: Actor, action: str) -> bool:
    """Whether `can` allows ``action`` by role in some institution: the right to things that belong to none."""
    return places(actor, action) != frozenset()


def require_anywhere(actor: Actor, action: str) -> None:
    """Refuse what `anywhere` denies, as `require` does."""
    if not anywhere(actor, action):
        raise Unauthenticated() if actor.anonymous else Forbidden(action=action)


def in_scope(actor: Actor, scope: str) -> bool:
    """Every key may read what its owner may: who uploads has to see what becomes of it."""
    return scope == "read" or bool({scope, "all"} & actor.scopes)
