"""Makes an MLflow server's accounts and roles what an accounts file says.

Needs an admin's server, the file's content and the passwords known so far. Writes to the server,
and the passwords through the function it is given: always before the server is told, so that none
is ever lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from data_contracts.errors import ContractError, InputError
from model_registry.accounts.opening import Place, open_models
from model_registry.accounts.passwords import Passwords, new_password
from model_registry.accounts.people import ROLES, STEP, People, Role
from model_registry.accounts.roles import EXPERIMENT, role_name
from model_registry.accounts.server import AuthServer, User
from model_registry.logins import Login

Keep = Callable[[Passwords], None]
_OURS = {role_name(role) for role in ROLES}


def apply_people(
    server: AuthServer,
    people: People,
    known: Passwords,
    keep: Keep,
    place: Place,
    *,
    more: Iterable[str] = (),
    vouch: bool = False,
) -> list[str]:
    """Make accounts, roles and models; return what changed, in words. Again changes nothing.

    `more` are models beside the file's; `place` and `vouch` are as `open_models` takes them.
    ContractError if the server lets everybody do more than read, or lets nobody read.
    """
    known = settle_pending(server, known, keep)
    _require_admin(server, people)
    before = server.users()
    kept = _with_passwords(people, known, before)
    keep(kept)
    said = _make_accounts(server, people, kept, before)
    _require_default(server, people)
    said += _give_roles(server, people, server.users())
    said += _remove(server, people, known, before)
    names = list(dict.fromkeys([*people.models, *more]))
    said += open_models(server, people, names, place, vouch=vouch)
    staying = {name: one for name, one in kept.passwords.items() if name in people.accounts}
    opened = tuple(dict.fromkeys([*kept.opened, *names]))
    keep(kept.model_copy(update={"passwords": staying, "opened": opened}))
    return said


def change_password(server: AuthServer, name: str, known: Passwords, keep: Keep) -> None:
    """Give an account a new password, made here; InputError if its password is not kept here."""
    if name not in known.passwords:
        raise InputError(
            f"no password of {name} is kept here",
            step=STEP,
            where=", ".join(known.passwords) or "none is",
            remedy="name one of those; a person changes an own password in MLflow's pages",
        )
    login = Login(name=name, password=new_password())
    keep(known.model_copy(update={"pending": known.pending | {name: login.password}}))
    server.set_password(login)
    keep(_taken(known, login))


def settle_pending(server: AuthServer, known: Passwords, keep: Keep) -> Passwords:
    """Find out which of two passwords holds where a change was interrupted."""
    for name, password in known.pending.items():
        login = Login(name=name, password=password)
        pending = {other: one for other, one in known.pending.items() if other != name}
        settled = known.model_copy(update={"pending": pending})
        known = _taken(settled, login) if server.accepts(login) else settled
        keep(known)
    return known


def admin_of(address: str, known: Passwords) -> AuthServer | None:
    """Return a server as its admin of these passwords, whichever of two holds; None without one."""
    login = known.having("admin")
    if login is None:
        return None
    changed = known.pending.get(login.name)
    if changed is not None:
        other = AuthServer(address, Login(name=login.name, password=changed))
        if other.accepts(other.login):
            return other
    return AuthServer(address, login)


def _taken(known: Passwords, login: Login) -> Passwords:
    pending = {name: one for name, one in known.pending.items() if name != login.name}
    passwords = known.passwords | {login.name: login.password}
    return known.model_copy(update={"passwords": passwords, "pending": pending})


def _require_admin(server: AuthServer, people: People) -> None:
    (admin,) = people.having("admin")
    if server.login.name != admin:
        raise InputError(
            f"the file's admin is {admin}, and the login is {server.login.name}",
            step=STEP,
            where=server.address,
            remedy="write the admin that the server has into the file, or log in as that one",
        )


def _with_passwords(people: People, known: Passwords, before: dict[str, User]) -> Passwords:
    """Make a password for whoever has no account yet; who has one and none here keeps its own."""
    made = known.of(people)
    own = {name for name in before if name not in known.passwords}
    passwords = {name: one for name, one in made.passwords.items() if name not in own}
    # Who is to go keeps one until that is done, or nobody would know whose account it was.
    return made.model_copy(update={"passwords": known.passwords | passwords})


def _make_accounts(
    server: AuthServer, people: People, known: Passwords, before: dict[str, User]
) -> list[str]:
    said: list[str] = []
    for name in people.accounts:
        login = known.login(name)
        if name not in before and login is not None:
            server.create_user(login)
            said.append(f"{name}: account made")
    for name, user in before.items():
        due = name in people.having("admin")
        if user.admin and not due and name in people.accounts:
            server.set_admin(name, admin=False)
            said.append(f"{name}: no admin any more")
    return said


def _require_default(server: AuthServer, people: People) -> None:
    """Raise unless who has no grant may read, and do no more."""
    somebody = next(name for name in people.accounts if name not in people.having("admin"))
    default = server.level(somebody, EXPERIMENT, "0")
    if default != "READ":
        raise ContractError(
            f"on this server everybody's permission is {default}, and roles add to it",
            step=STEP,
            where=server.address,
            remedy="set default_permission = READ in the server's auth configuration, restart it",
        )


def _give_roles(server: AuthServer, people: People, users: dict[str, User]) -> list[str]:
    said: list[str] = []
    roles: list[Role] = [role for role in ROLES if role != "admin"]
    for role in roles:
        number, held = server.role(role_name(role), f"Paddock: {role}")
        for grant, row in held.items():
            if grant.what == "*":  # by hand: no role of ours has anything on all of a server
                server.take(row)
                said.append(f"{role}: may no more {grant.level} every {grant.kind}")
        for name, user in users.items():
            has, should = role_name(role) in user.roles, name in people.having(role)
            if has != should:
                server.assign(name, number, has=should)
                said.append(f"{name}: {'is' if should else 'no more'} {role}")
    return said


def _remove(
    server: AuthServer, people: People, known: Passwords, before: dict[str, User]
) -> list[str]:
    """Take the accounts away that were made here and are not in the file any more."""
    said: list[str] = []
    for name in known.passwords:
        if name not in people.accounts and name in before:
            server.delete_user(name)
            said.append(f"{name}: account deleted, it is not in the file any more")
    for name, user in before.items():
        if name not in people.accounts and name not in known.passwords and _OURS & set(user.roles):
            said.append(f"{name}: the account stays (it was not made here), and may only read")
    return said
