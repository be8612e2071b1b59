/* dockerd's log files: the formats of json-file and local, their 16 KiB pieces, their rotation. */
#ifndef WHARF_LOGFILE_H
#define WHARF_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

/* A longer line is written in pieces of this size, of which only the last has its \n. Source: dockerd's log copier. */
#define LOG_PIECE_BYTES 16384

/* What is written as one record: a line, or a piece of a long one. */
struct log_piece {
	int stream;
	const char *text;         /* without its newline */
	size_t length;
	bool newline;             /* false: the line goes on in another piece, or was never ended */
	unsigned ordinal;         /* 1 and up for the pieces of a line, 0 for a whole one */
	int64_t ns;
};

enum log_format { LOG_JSON, LOG_LOCAL };

/* The strings are kept. */
struct log_options {
	enum log_format format;
	const char *path;
	const char *attrs;        /* JSON object or NULL; for LOG_JSON only */
	int64_t max_size;         /* bytes; negative: never rotated */
	int max_files;
	bool compress;
};

struct logfile {
	int fd;
	struct log_options options;
	bool write_failed;        /* said once in the shim's log */
	pid_t compressor;         /* child that compresses the file rotated last, or 0 */
	int64_t size;             /* of the file, what is still in the buffer included */
	char *buffer;
	size_t buffered;
	size_t buffer_size;
	size_t attrs_length;
	int64_t last_ns;          /* of the last line: no two lines have the same time */
	int64_t partial_ns[2];    /* the time of the first piece of a line that is being written in pieces, or 0 */
	unsigned ordinal[2];      /* of the next piece of such a line */
	int64_t second;           /* what second_text is for */
	char second_text[24];
};

/* Opens or creates the file (mode 0640) and continues it. */
int logfile_open(struct logfile *log, const struct log_options *options);

/*
 * Writes the complete lines and full pieces at the beginning of data; stream is STREAM_STDOUT or STREAM_STDERR. Returns
 * the number of bytes consumed; the caller brings the others again, followed by more. With eof everything is consumed.
 * A log that can't be written (disk full) loses lines, never blocks and never fails.
 */
size_t logfile_feed(struct logfile *log, int stream, const char *data, size_t size, bool eof);

/* How many bytes at the beginning of data logfile_feed would consume. */
size_t logfile_complete(const char *data, size_t size, bool eof);

/* Gives memory back that only a busy log needs. */
void logfile_relax(struct logfile *log);

/* Closes it; waits for a compression that is still running. */
void logfile_close(struct logfile *log);

#endif
