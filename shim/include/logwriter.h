/* How output gets into the log file: at once, or (mode=non-blocking) through a process that may fall behind and then misses some. */
#ifndef WHARF_LOGWRITER_H
#define WHARF_LOGWRITER_H

#include "logfile.h"

struct logwriter {
	bool open;
	struct logfile file;
	int queue;                /* to the process that writes, or -1 */
	pid_t pid;                /* of it, or 0 */
	unsigned questions;       /* how often it was asked how far it is */
	bool dropped;             /* said once in the shim's log */
};

int logwriter_open(struct logwriter *log, const struct log_options *options);

/* Leaves the file to a process of its own, for which queue_bytes may wait; what does not fit is dropped, whole lines at a time. */
int logwriter_detach(struct logwriter *log, int64_t queue_bytes);

/* As logfile_feed; does nothing for a log that is not open. */
size_t logwriter_feed(struct logwriter *log, int stream, const char *data, size_t size, bool eof);

/*
 * Which file is being written, and its size when all that was fed before is in it; 0 and 0 if that can't be told, or a process that
 * writes is far behind.
 */
void logwriter_mark(struct logwriter *log, unsigned long long *inode, long long *offset);

/* Gives memory back that only a busy log needs. */
void logwriter_relax(struct logwriter *log);

/* A child has ended; it may have been the log's. */
void logwriter_reaped(struct logwriter *log, pid_t pid);

/* Everything is written and closed; a process that can't write is not waited for. */
void logwriter_close(struct logwriter *log);

#endif
