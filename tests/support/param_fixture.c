#include "tests/support/param_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Replace \xNN by the byte. @return bytes */
static uint32_t unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from;) {
        unsigned byte;
        if (sscanf(from, "\\x%2x", &byte) == 1) {
            *to++ = (char)byte;
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    return (uint32_t)(to - text);
}

static void add_param(struct request *request, const char *line) {
    char *name = strndup(line, strcspn(line, "="));
    char *value = strdup(line + strlen(name) + 1);
    struct param *params =
        reallocarray((void *)request->params, request->param_count + 1, sizeof *params);
    struct param *param = &params[request->param_count++];
    *param = (struct param){.name = name, .value = value};
    param->name_bytes = unescape(name);
    param->value_bytes = unescape(value);
    request->params = params;
}

static void add_line(struct fixture *fixture, const char *line) {
    if (line[0] == '>') {
        fixture->requests =
            reallocarray(fixture->requests, fixture->count + 1, sizeof *fixture->requests);
        fixture->requests[fixture->count++] =
            (struct fixture_request){.target = strdup(line + 2), .request.role = ROLE_RESPONDER};
    } else if (line[0] != '\0') {
        assert(fixture->count > 0);
        struct request *request = &fixture->requests[fixture->count - 1].request;
        if (strncmp(line, "ROLE=", 5) == 0) {
            request->role = (enum request_role)(line[5] - '0');
        } else {
            add_param(request, line);
        }
    }
}

struct fixture fixture_read(const char *name) {
    struct fixture fixture = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.params", FIXTURES, name);
    FILE *stream = fopen(path, "r");
    if (!stream) {
        perror(path);
        abort();
    }
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stream) > 0) {
        line[strcspn(line, "\n")] = '\0';
        add_line(&fixture, line);
    }
    free(line);
    fclose(stream);
    return fixture;
}

void fixture_free(struct fixture *fixture) {
    for (size_t i = 0; i < fixture->count; i++) {
        struct request *request = &fixture->requests[i].request;
        for (size_t j = 0; j < request->param_count; j++) {
            free((void *)request->params[j].name);
            free((void *)request->params[j].value);
        }
        free((void *)request->params);
        free(fixture->requests[i].target);
    }
    free(fixture->requests);
    *fixture = (struct fixture){0};
}
