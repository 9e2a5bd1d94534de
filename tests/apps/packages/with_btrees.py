import pickle

from BTrees.IOBTree import IOBTree
from BTrees.OOBTree import OOBTree, OOTreeSet, difference, union


def answer(name):
    tree = OOBTree({f"{name} {i:03}": i for i in range(200)})
    numbers = IOBTree({i: name for i in range(5)})
    caught = []
    for attempt in (lambda: tree["nowhere"], lambda: numbers.__setitem__("x", 1),
                    lambda: OOBTree({object(): 1}), lambda: OOBTree().minKey()):
        try:
            attempt()
        except (KeyError, TypeError, ValueError) as error:
            caught.append(type(error).__name__)
    first, second = OOTreeSet("abc"), OOTreeSet("bcd")
    return {"range": list(tree.values(f"{name} 010", f"{name} 013")), "least": tree.minKey(),
            "numbers": dict(numbers), "caught": caught, "union": list(union(first, second)),
            "difference": list(difference(first, second)),
            "pickled": len(pickle.loads(pickle.dumps(tree))), "changed": tree.update({"z": 1})}
