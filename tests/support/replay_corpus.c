/*
 * main() for a fuzz program without libFuzzer: runs every file of the folders given once.  With
 * the sanitizers of the build, so that each input that once found a bug stays checked.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    uint8_t *data = NULL;
    size_t size = 0, room = 0;
    for (;;) {
        if (size == room) {
            room = room ? room * 2 : 4096;
            uint8_t *larger = realloc(data, room);
            if (!larger) {
                perror("realloc");
                exit(1);
            }
            data = larger;
        }
        size_t got = fread(data + size, 1, room - size, file);
        if (got == 0) {
            break;
        }
        size += got;
    }
    fclose(file);
    /* An allocation of exactly this size, so that a sanitizer sees one byte read beyond it. */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) {
        perror("malloc");
        exit(1);
    }
    memcpy(exact, data, size);
    free(data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

int main(int argc, char **argv) {
    unsigned replayed = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            if (entry->d_name[0] == '.' ||
                snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name) >= (int)sizeof path) {
                continue;
            }
            replayed++;
            failed += replay_file(path) < 0;
        }
        closedir(folder);
    }
    printf("%u inputs\n", replayed);
    return replayed > 0 && failed == 0 ? 0 : 1;
}
