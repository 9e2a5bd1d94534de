/**
 * Which state of an application's code is loaded, as its deployment names it.
 *
 * Looked for from the folder of its file upwards, symbolic links resolved; the nearest counts:
 *   - a file REVISION: its first line (Capistrano and others write one into each release)
 *   - a git work tree: the commit that HEAD is (linked work trees and packed references, too)
 *
 * Follows: gitrepository-layout(5).
 * @thread any  @tstate any: it reads a few small files
 */
#ifndef FCGI_HOST_APP_REVISION_H
#define FCGI_HOST_APP_REVISION_H

/** A hash of SHA-256 in hexadecimal, or as much of a name; with its NUL. */
enum { REVISION_BYTES = 65 };

/** @param file          the application's
 *  @param ret_revision  "": there is none, or it is no line of printable characters */
void revision_find(const char *file, char ret_revision[REVISION_BYTES]);

#endif
