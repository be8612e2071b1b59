/* The exit status on disk: there in full or not at all. */
#ifndef WHARF_EXITRECORD_H
#define WHARF_EXITRECORD_H

#include <stdint.h>

struct exit_record {
	int code;         /* 128 + signal for a death by signal; -1 if the status was lost */
	int signal;       /* 0 without one */
	int ooms;         /* how often memory ran out for the container */
	int64_t finished_ns;
};

/* From waitpid's status. */
struct exit_record exit_record_of(int status, int64_t finished_ns);

/* Writes it beside path, syncs, renames it into place and syncs the directory. */
int exit_record_write(const struct exit_record *record, const char *path);

#endif
