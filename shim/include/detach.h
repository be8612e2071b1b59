/* The sequence of keys by which a client leaves a terminal. */
#ifndef WHARF_DETACH_H
#define WHARF_DETACH_H

#include <stdbool.h>
#include <stddef.h>

#define DETACH_KEYS_MAX 64

struct detach {
	unsigned char keys[DETACH_KEYS_MAX];
	size_t length;            /* 0: there is no such sequence */
	size_t matched;           /* keys that were typed and held back, as they may begin it */
};

/* Takes the keys as hexadecimal digits, "-" for none. -EINVAL for anything else. */
int detach_parse(struct detach *detach, const char *hex);

/*
 * Copies typed bytes to out, which needs size + DETACH_KEYS_MAX bytes, without those that may begin the sequence; *length says how
 * many. Returns whether the sequence is complete: what was typed after it is dropped.
 */
bool detach_scan(struct detach *detach, const char *data, size_t size, char *out, size_t *length);

#endif
