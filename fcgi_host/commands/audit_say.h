/**
 * The lines that a throw-away process of an audit writes (audit_result.h).
 *
 * @thread any  @tstate any; audit_say_fields() may be called by signal handlers
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_SAY_H
#define FCGI_HOST_COMMANDS_AUDIT_SAY_H

/** Write one line: fields between tabs, cleaned of tabs and control characters, cut to what fits.
 *  Ends the process when nobody reads. */
void audit_say_fields(int fd, unsigned count, const char *const *fields);

#define AUDIT_SAY(fd, ...)                                                                         \
    audit_say_fields(fd, sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *),             \
                     (const char *[]){__VA_ARGS__})

#endif
