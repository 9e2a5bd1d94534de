import pickle

import persistent
import persistent.mapping
from persistent.TimeStamp import TimeStamp


class Account(persistent.Persistent):
    def __init__(self, owner):
        self.owner = owner


class Jar:
    """What a database is to a persistent object."""

    def __init__(self, state):
        self.state, self.registered = state, []
        self.cache = persistent.PickleCache(self, 10)

    def register(self, obj):
        self.registered.append(obj._p_oid)

    def setstate(self, obj):
        obj.__setstate__(self.state)


def answer(name):
    jar = Jar({"owner": name})
    account = Account.__new__(Account)
    account._p_jar, account._p_oid = jar, b"\0" * 7 + b"\7"
    jar.cache[account._p_oid] = account
    account._p_deactivate()
    before = account._p_status
    owner = account.owner
    account.owner = owner.upper()
    mapping = persistent.mapping.PersistentMapping({"a": 1})
    try:
        account._p_oid = None
        caught = "nothing"
    except ValueError as error:
        caught = str(error)
    return {"before": before, "owner": account.owner, "after": account._p_status, "caught": caught,
            "registered": [oid.hex() for oid in jar.registered], "cached": len(jar.cache),
            "state": pickle.loads(pickle.dumps(mapping)).data,
            "stamp": str(TimeStamp(2024, 2, 29, 1, 2, 3.0)), "kind": isinstance(account, persistent.Persistent)}
