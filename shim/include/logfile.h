/* dockerd's json-file log: its line format, its 16 KiB pieces, its rotation. */
#ifndef WHARF_LOGFILE_H
#define WHARF_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

/* A longer line is written in pieces of this size, of which only the last has its \n. Source: dockerd's log copier. */
#define LOG_PIECE_BYTES 16384

struct logfile {
	int fd;
	const char *path;
	const char *attrs;
	int64_t max_size;
	int max_files;
	bool compress;
	bool write_failed;        /* said once in the shim's log */
	pid_t compressor;         /* child that compresses the file rotated last, or 0 */
	int64_t size;             /* of the file, what is still in the buffer included */
	char *buffer;
	size_t buffered;
	size_t buffer_size;
	int64_t last_ns;          /* of the last line: no two lines have the same time */
	int64_t partial_ns[2];    /* the time of the first piece of a line that is being written in pieces, or 0 */
	int64_t second;           /* what second_text is for */
	char second_text[24];
};

/* Opens or creates the file (mode 0640) and continues it. attrs is a JSON object or NULL. The strings are kept. */
int logfile_open(struct logfile *log, const char *path, const char *attrs, int64_t max_size, int max_files, bool compress);

/*
 * Writes the complete lines and full pieces at the beginning of data; stream is STREAM_STDOUT or STREAM_STDERR. Returns
 * the number of bytes consumed; the caller brings the others again, followed by more. With eof everything is consumed.
 * A log that can't be written (disk full) loses lines, never blocks and never fails.
 */
size_t logfile_feed(struct logfile *log, int stream, const char *data, size_t size, bool eof);

/* Gives memory back that only a busy log needs. */
void logfile_relax(struct logfile *log);

/* Closes it; waits for a compression that is still running. */
void logfile_close(struct logfile *log);

#endif
