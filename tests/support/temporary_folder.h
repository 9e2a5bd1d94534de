/** A folder for what a test writes, which goes with the process. */
#ifndef TESTS_SUPPORT_TEMPORARY_FOLDER_H
#define TESTS_SUPPORT_TEMPORARY_FOLDER_H

/** A path in the folder has 27 bytes left for a socket's name: unix(7) has 108 for all of it. */
enum { TEMPORARY_FOLDER_SIZE = 80 };

/**
 * The calling process's own folder in TMPDIR, or in /tmp, if that is not set; the first call makes
 * it. It is removed, with all that is in it, when this process returns from main() or calls exit().
 * So does each test of Criterion's, passed or failed; what a signal ends leaves its folder behind.
 * A child that is forked after the first call shares it and does not remove it.
 *
 * Fails the process when there is none to be had.
 *
 * @return absolute path without symbolic links, TEMPORARY_FOLDER_SIZE bytes with its NUL at most
 * @thread one at a time
 */
const char *temporary_folder(void);

#endif
