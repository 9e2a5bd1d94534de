/** The document that the views are shown: document.json, and what they make of it. */
#ifndef TESTS_UNIT_STATUS_DOCUMENT_H
#define TESTS_UNIT_STATUS_DOCUMENT_H

#include "fcgi_host/base/json_read.h"

/** The text of a file beside this one. @return malloc'ed */
char *document_file(const char *name);
/** @return document.json; json_decref() */
json_t *document(void);
/** @return any text as JSON; json_decref() */
json_t *document_of(const char *text);

#endif
