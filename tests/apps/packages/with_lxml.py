import lxml.etree
import lxml.html
import lxml.objectify

SHEET = """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/"><b><xsl:value-of select="count(//item)"/></b></xsl:template></xsl:stylesheet>"""


class Item(lxml.etree.ElementBase):
    """A class of the application's own for one tag."""

    @property
    def price(self):
        return float(self.get("price"))


def parser():
    lookup = lxml.etree.ElementNamespaceClassLookup()
    lookup.get_namespace(None)["item"] = Item
    made = lxml.etree.XMLParser()
    made.set_element_class_lookup(lookup)
    return made


def upper(_, values):
    return "".join(values).upper()


def answer(name):
    tree = lxml.etree.fromstring(f"<list><item price='1.5'>{name}</item><item price='2'/></list>",
                                 parser())
    try:
        lxml.etree.fromstring("<open>")
        caught = "nothing"
    except lxml.etree.XMLSyntaxError as error:
        caught = [error.lineno, error.code]
    upper_case = tree.xpath("u:upper(item/text())", namespaces={"u": "urn:u"},
                            extensions={("urn:u", "upper"): upper})
    changed = lxml.etree.XSLT(lxml.etree.XML(SHEET))(tree)
    page = lxml.html.fromstring("<p>one <a href='x'>link</a>")
    return {"prices": [item.price for item in tree], "kind": isinstance(tree[0], Item),
            "caught": caught, "xpath": tree.xpath("string(item)"), "upper": upper_case,
            "changed": lxml.etree.tostring(changed.getroot()).decode(),
            "links": [list(map(str, link[1:3])) for link in page.iterlinks()],
            "object": lxml.objectify.fromstring("<a><b>3</b></a>").b + 1}
