# Run by embed_python() at build time: SOURCE → C_FILE and H_FILE.
#
# Bytes, not a string literal: C11 promises string literals of only 4,095 characters, and an array
# needs no escaping.
file(READ ${SOURCE} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR bytes "${digits} / 2")
# Character constants, since a plain 0xc3 would not fit a signed char.
string(REGEX REPLACE "(..)" "'\\\\x\\1'," array "${hex}")
string(REGEX REPLACE "('[^']*','[^']*','[^']*','[^']*','[^']*','[^']*','[^']*','[^']*',)"
       "\\1\n" array "${array}")

set(note "/* Made from ${SHOWN} by cmake/EmbedPython.cmake: edit that. */\n")
file(WRITE ${H_FILE}
  "${note}#ifndef EMBEDDED_${SYMBOL}\n#define EMBEDDED_${SYMBOL}\n\n#include <stddef.h>\n\n"
  "extern const char ${SYMBOL}[];\nextern const size_t ${SYMBOL}_bytes;\n\n#endif\n")
file(WRITE ${C_FILE}
  "${note}#include \"embedded/${SYMBOL}.h\"\n\n"
  "const char ${SYMBOL}[] = {\n${array}0};\nconst size_t ${SYMBOL}_bytes = ${bytes};\n")
