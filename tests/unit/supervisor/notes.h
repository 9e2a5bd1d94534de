/** What fakes were asked to do, for a test to compare. */
#ifndef TESTS_UNIT_SUPERVISOR_NOTES_H
#define TESTS_UNIT_SUPERVISOR_NOTES_H

/** "one; another"; a test empties it. */
extern char notes[2048];

/** Add to the notes. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
