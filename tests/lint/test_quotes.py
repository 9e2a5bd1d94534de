"""Code that the documentation quotes is the code that the tests compile."""

import importlib.util
import unittest

import source

spec = importlib.util.spec_from_file_location("quotes", source.ROOT / "scripts/quotes.py")
quotes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quotes)


class Quotes(unittest.TestCase):
    def test_a_quotation_that_is_out_of_date_is_found(self):
        text = "x\n<!-- quote: scripts/quotes.py -->\n```python\nold\n```\ny\n"
        self.assertIn("QUOTE = ", quotes.updated(text))
        self.assertTrue(quotes.updated(text).endswith("```\ny\n"))
        self.assertEqual(quotes.updated(quotes.updated(text)), quotes.updated(text))

    def test_every_quotation_is_up_to_date(self):
        quoted = 0
        for page in sorted(source.ROOT.glob("docs/**/*.md")) + sorted(source.ROOT.glob("*.md")):
            text = page.read_text("utf-8")
            quoted += len(quotes.QUOTE.findall(text))
            self.assertEqual(quotes.updated(text), text, f"scripts/quotes.py update {page}")
            self.assertEqual(len(quotes.QUOTE.findall(text)), text.count("<!-- quote: "))
        self.assertGreater(quoted, 10)


if __name__ == "__main__":
    unittest.main()
