/**
 * Configurations in a temporary folder, loaded from a file's text and command-line words.
 */
#ifndef TESTS_SUPPORT_CONFIG_FIXTURE_H
#define TESTS_SUPPORT_CONFIG_FIXTURE_H

#include "fcgi_host/config/config.h"

extern const char *config_folder; /**< the working directory after config_setup() */
extern struct error config_error; /**< of the last load that failed */

/** Whether the tests may be run by root: the words get --allow-root then. */
extern bool config_may_be_root;

/** Fills the folder of the process with a.py, b.py and the folders venv/ and scripts/. */
void config_setup(void);
void config_write(const char *name, const char *text);

/** Load with these words (NULL-ended, without the program's name). @return NULL: config_error */
struct config *config_from_words(const char *const *words, enum command *ret_command);
/** Load test.conf with this text. @return NULL: config_error */
struct config *config_from_file(const char *text);

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
