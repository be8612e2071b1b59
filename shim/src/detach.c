#include "detach.h"

#include <errno.h>
#include <string.h>

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

int detach_parse(struct detach *detach, const char *hex)
{
	*detach = (struct detach){ .length = 0 };
	if (strcmp(hex, "-") == 0)
		return 0;
	for (; *hex; hex += 2) {
		int high = digit(hex[0]), low = high < 0 ? -1 : digit(hex[1]);
		if (low < 0 || detach->length == DETACH_KEYS_MAX)
			return -EINVAL;
		detach->keys[detach->length++] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

bool detach_scan(struct detach *detach, const char *data, size_t size, char *out, size_t *length)
{
	*length = 0;
	for (size_t i = 0; i < size; i++) {
		unsigned char key = (unsigned char)data[i];
		if (detach->length > 0 && key != detach->keys[detach->matched]) {
			memcpy(out + *length, detach->keys, detach->matched);
			*length += detach->matched;
			detach->matched = 0;
		}
		if (detach->length == 0 || key != detach->keys[detach->matched]) {
			out[(*length)++] = data[i];
			continue;
		}
		if (++detach->matched == detach->length) {
			detach->matched = 0;
			return true;
		}
	}
	return false;
}
