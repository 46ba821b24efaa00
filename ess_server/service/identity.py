"""Who is calling, as far as the transport can prove it."""

from ess_server.core.latch import cut
from ess_server.core.model import MAX_NAME_BYTES, Actor, Credential
from ess_server.service.status import Context


def actor_of(context: Context, claimed: str = "", requested_by: str = "") -> Actor:
    """Return the actor of a call. Without a client certificate the claimed name is only a claim."""
    peer, person = context.peer() or "", cut(requested_by, MAX_NAME_BYTES)
    proven = context.peer_identities()
    if proven:
        name = next(iter(proven)).decode(errors="replace")
        return Actor(id=cut(name, MAX_NAME_BYTES), credential=Credential.MTLS, peer=peer, requested_by=person)
    name = cut(claimed or requested_by or peer, MAX_NAME_BYTES)
    return Actor(id=name, credential=Credential.NONE, peer=peer, requested_by=person)
