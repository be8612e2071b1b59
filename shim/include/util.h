/* Small things that every file needs. Functions return 0 or more, or a negative errno. */
#ifndef WHARF_UTIL_H
#define WHARF_UTIL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static inline void cleanup_fd_fn(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free_fn(void *pointer)
{
	free(*(void **)pointer);
}

#define CLEANUP_FD __attribute__((cleanup(cleanup_fd_fn)))
#define CLEANUP_FREE __attribute__((cleanup(cleanup_free_fn)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Closes *fd if it is open and forgets it. */
void close_and_forget(int *fd);

/* The directory that a path is in. */
int directory_of(const char *path, char out[PATH_MAX]);

/* Closes every descriptor but stdio and these two, which may be the same. */
int close_all_but(int a, int b);

/* stdin and stdout from and to nowhere, stderr to a file if any: nothing of the daemon's must stay open in a process that outlives it. */
int redirect_stdio(const char *log_path);

/* Writes everything or fails. */
int write_all(int fd, const void *data, size_t size);

/* Reads at most size - 1 bytes of a file from its beginning and ends them with NUL; returns their number. */
int read_text(const char *path, char *buffer, size_t size);

/* Milliseconds and microseconds of the monotonic clock. */
int64_t monotonic_ms(void);
int64_t monotonic_us(void);

/* The smaller of two waits, of which -1 is for ever. */
int64_t sooner(int64_t a, int64_t b);

/* Nanoseconds since 1970. */
int64_t realtime_ns(void);

#define RFC3339_SIZE 32
/* RFC 3339 with nanoseconds, trailing zeros removed as Go's RFC3339Nano has it; returns the length. */
size_t format_rfc3339(int64_t ns, char out[RFC3339_SIZE]);

/* Base64 of data, NUL-terminated; out needs 4 * ((size + 2) / 3) + 1 bytes. */
void encode_base64(const void *data, size_t size, char *out);

/* One line to the shim's own log, which is its stderr. */
void shim_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
