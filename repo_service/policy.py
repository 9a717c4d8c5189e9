"""Who may do what: the whole permission table on one screen, and the one function that reads it."""

from dataclasses import dataclass, field


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

    def held_in(self, institution_id: str) -> frozenset[str]:
        """The roles that count for a thing of this institution."""
        return self.everywhere | self.roles.get(institution_id, frozenset())


ANONYMOUS = Actor()
OPERATOR = Actor(id="operator", name="operator", everywhere=frozenset({"system_admin"}), scopes=frozenset({"all"}))

PUBLIC = "public"  # anybody, when the thing is published
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
    "resource.withdraw": ("upload", frozenset({OWNER, "curator", "reviewer", "institution_admin"})),
    "collection.read": ("read", frozenset({PUBLIC, "curator"})),
    "collection.edit": ("curate", frozenset({"curator"})),
    "institution.manage": ("admin", frozenset({"institution_admin"})),
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
    if actor.anonymous or not ({scope, "all"} & actor.scopes):
        return False
    held = actor.held_in(institution_id)
    if "system_admin" in held or held & allowed:
        return True
    return OWNER in allowed and owner_id == actor.id and bool(actor.roles.get(institution_id))
