/* Rotation as dockerd's json-file does it: file, file.1, file.2 … (with .gz when compressed). */
#ifndef WHARF_ROTATE_H
#define WHARF_ROTATE_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Moves path to path.1 after making room for it; max_files counts path itself. With max_files of 1 it is
 * removed. With compress a niced child makes path.1.gz; its pid is returned (0 without one).
 */
pid_t rotate_files(const char *path, int max_files, bool compress);

/* Compresses path to path.gz (complete or not at all) and removes path. */
int compress_file(const char *path);

#endif
