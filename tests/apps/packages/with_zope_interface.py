from zope.interface import Attribute, Interface, Invalid, implementer, providedBy
from zope.interface.adapter import AdapterRegistry
from zope.interface.interface import adapter_hooks
from zope.interface.verify import verifyObject


class ISource(Interface):
    text = Attribute("what it says")


class ITarget(Interface):
    def shout():
        """Say it loudly."""


@implementer(ISource)
class Source:
    text = "quiet"


@implementer(ITarget)
class Target:
    def __init__(self, source):
        self.source = source

    def shout(self):
        return f"{self.source.text} of {NAME}"


NAME = None
registry = AdapterRegistry()
registry.register([ISource], ITarget, "", Target)


@adapter_hooks.append
def adapt(provided, obj):
    factory = registry.lookup1(providedBy(obj), provided, "")
    return factory and factory(obj)


def answer(name):
    global NAME
    NAME = name
    target = ITarget(Source())
    try:
        ITarget(object())
        caught = "nothing"
    except TypeError as error:
        caught = str(error.args[0])
    try:
        verifyObject(ITarget, Source())
        verified = "nothing"
    except Invalid as error:
        verified = type(error).__name__
    return {"shout": target.shout(), "kind": isinstance(target, Target), "caught": caught,
            "verified": verified, "provided": ISource.providedBy(Source()),
            "default": ITarget(object(), name), "names": sorted(ITarget.names())}
