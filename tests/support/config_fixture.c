#include "tests/support/config_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/config/load.h"
#include "tests/support/temporary_folder.h"

const char *config_folder;
struct error config_error;
bool config_may_be_root = true;

void config_write(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    assert(file);
    fputs(text, file);
    fclose(file);
}

void config_setup(void) {
    config_folder = temporary_folder();
    if (chdir(config_folder) != 0 || mkdir("venv", 0755) != 0 || mkdir("scripts", 0755) != 0) {
        abort();
    }
    config_write("a.py", "");
    config_write("b.py", "");
}

struct config *config_from_words(const char *const *words, enum command *ret_command) {
    char *argv[32] = {(char *)"fcgi_host"};
    int argc = 1;
    if (config_may_be_root && geteuid() == 0) {
        argv[argc++] = (char *)"--allow-root";
    }
    for (; *words; words++) {
        argv[argc++] = (char *)*words;
    }
    struct command_line line = {.command = COMMAND_HELP};
    struct config *config = NULL;
    memset(&config_error, 0, sizeof config_error);
    if (config_load(argc, argv, &line, &config, &config_error) != 0) {
        return NULL;
    }
    if (ret_command) {
        *ret_command = line.command;
    }
    return config;
}

struct config *config_from_file(const char *text) {
    config_write("test.conf", text);
    return config_from_words(WORDS("-c", "test.conf"), NULL);
}
