"""Writes the corpus of fuzz_image: small ELF images, each with one thing that is not as linkers make it.

Usage: make_images.py FOLDER.  Everything stands in one segment, at the addresses of the file.
Follows: ELF gABI chapters 4 and 5
"""

import pathlib
import struct
import sys

PT_LOAD, PT_DYNAMIC, PT_NOTE, PT_TLS = 1, 2, 4, 7
DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SONAME = 0, 1, 4, 5, 6, 10, 14
DT_GNU_HASH = 0x6FFFFEF5
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOTE, SHT_DYNSYM = 1, 2, 3, 7, 11
SHF_WRITE_ALLOC = 3
EHDR_BYTES, PHDR_BYTES, SHDR_BYTES, SYM_BYTES = 64, 56, 64, 24
FAR = 0x7F0000000000
U32 = 0xFFFFFFFF

STRINGS = b"\0PyInit_crafted\0PyGILState_Ensure\0libneeded.so.1\0libcrafted.so\0table\0"
NAMES = b"\0.dynstr\0.dynsym\0.note\0.symtab\0.data\0.gnu_debuglink\0.shstrtab\0"


def string(text):
    return STRINGS.index(b"\0" + text + b"\0") + 1


def symbol(name, kind, section, value):
    return struct.pack("<IBBHQQ", string(name), 0x10 | kind, 0, section, value, 16)


def note(name_bytes=4, description=b"\x17" * 20, kind=3):
    return struct.pack("<III", name_bytes, len(description), kind) + b"GNU\0" + description


def image(hash_table=None, gnu_hash=None, notes=None, note_at=None, note_bytes=None,
          strings_bytes=True, symbols_at=None, strings_at=None, ends=True, link=b"crafted.debug\0",
          entry_bytes=SYM_BYTES, sections_at=None, section_count=None, filled=None):
    """The bytes of an image, whose parts are sound but for what is given."""
    symbols = b"".join((bytes(SYM_BYTES), symbol(b"PyGILState_Ensure", 2, 0, 0),
                        symbol(b"PyInit_crafted", 2, 5, 0x40), symbol(b"table", 1, 5, 0x100)))
    if hash_table is None and gnu_hash is None:
        hash_table = struct.pack("<II5I", 1, 4, 1, 0, 0, 0, 0)
    parts = {"strings": STRINGS, "symbols": symbols, "hash": hash_table or b"",
             "gnu_hash": gnu_hash or b"", "note": note() if notes is None else notes,
             "data": bytes(32), "link": link, "names": NAMES}
    at, places, body = EHDR_BYTES + 4 * PHDR_BYTES, {}, b""
    for name, part in parts.items():
        body += bytes(-len(body) % 8)
        places[name] = at + len(body)
        body += part
    body += bytes(-len(body) % 8)

    entries = [(DT_NEEDED, string(b"libneeded.so.1")), (DT_SONAME, string(b"libcrafted.so")),
               (DT_STRTAB, strings_at or places["strings"]),
               (DT_SYMTAB, symbols_at or places["symbols"])]
    entries += [(DT_STRSZ, len(STRINGS) if strings_bytes is True else strings_bytes)] * (
        strings_bytes is not False)
    entries += [(DT_HASH, places["hash"])] * (hash_table is not None)
    entries += [(DT_GNU_HASH, places["gnu_hash"])] * (gnu_hash is not None)
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)

    def section(name, kind, place, flags=2, linked=0, entry=0):
        return struct.pack("<IIQQQQIIQQ", NAMES.index(name), kind, flags, places[place],
                           places[place], len(parts[place]), linked, 0, 8, entry)
    sections = (bytes(SHDR_BYTES) + section(b".dynstr", SHT_STRTAB, "strings") +
                section(b".dynsym", SHT_DYNSYM, "symbols", 2, 1, entry_bytes) +
                section(b".note", SHT_NOTE, "note") +
                section(b".symtab", SHT_SYMTAB, "symbols", 0, 1, entry_bytes) +
                section(b".data", SHT_PROGBITS, "data", SHF_WRITE_ALLOC) +
                section(b".gnu_debuglink", SHT_PROGBITS, "link", 0) +
                section(b".shstrtab", SHT_STRTAB, "names", 0))
    start = at + len(body)  # of the section headers; the dynamic section ends the file
    dynamic_at = start + len(sections)
    dynamic += bytes(16) * ends
    total = dynamic_at + len(dynamic)

    def segment(kind, place, size, file_bytes=None):
        return struct.pack("<IIQQQQQQ", kind, 6, place, place, place,
                           size if file_bytes is None else file_bytes, size, 8)
    headers = (segment(PT_LOAD, 0, total, filled) + segment(PT_DYNAMIC, dynamic_at, len(dynamic)) +
               segment(PT_NOTE, note_at or places["note"], note_bytes or len(parts["note"])) +
               segment(PT_TLS, places["data"], 16))
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = ident + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, EHDR_BYTES, start if sections_at is None else sections_at, 0,
        EHDR_BYTES, PHDR_BYTES, 4, SHDR_BYTES, 8 if section_count is None else section_count, 7)
    return head + headers + body + sections + dynamic


IMAGES = {
    "sound": image(),
    "gnu_hash": image(gnu_hash=struct.pack("<4IQII2I", 1, 2, 1, 0, 0, 2, 2, 3, 1)),
    "gnu_chain_without_end": image(gnu_hash=struct.pack("<4IQI", 1, 2, 1, 0, 0, 2)),
    "gnu_many_buckets": image(gnu_hash=struct.pack("<4IQ", U32, 2, 1, 0, 0)),
    "gnu_large_filter": image(gnu_hash=struct.pack("<4I", 1, 1, U32, 0)),
    "hash_of_many": image(hash_table=struct.pack("<II", 1, U32)),
    "no_size_of_strings": image(strings_bytes=False),
    "size_of_strings": image(strings_bytes=FAR),
    "strings_outside": image(strings_at=FAR),
    "symbols_outside": image(symbols_at=FAR),
    "dynamic_without_end": image(ends=False),
    "note_outside": image(note_at=FAR),
    "note_too_long": image(note_bytes=FAR),
    "note_of_long_name": image(notes=note(U32 - 1)),
    "note_of_long_id": image(notes=note(description=b"\x17" * 200)),
    "link_without_end": image(link=b"x" * 300),
    "entries_of_no_bytes": image(entry_bytes=0),
    "entries_of_one_byte": image(entry_bytes=1),
    "sections_outside": image(sections_at=FAR),
    "many_sections": image(section_count=0xFFFF),
    "more_filled_than_there_is": image(filled=0),
}

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in IMAGES.items():
        (folder / name).write_bytes(content)
