#include <errno.h>

#include "check.h"
#include "detach.h"

/* What is passed on of these chunks, and whether they end the attachment. */
static bool typed(const char *keys, const char *const *chunks, char *out)
{
	struct detach detach;
	CHECK(detach_parse(&detach, keys) == 0);
	size_t total = 0, length;
	for (; *chunks; chunks++) {
		bool detached = detach_scan(&detach, *chunks, strlen(*chunks), out + total, &length);
		total += length;
		out[total] = '\0';
		if (detached)
			return true;
	}
	return false;
}

int main(void)
{
	char out[256];
	struct detach detach;
	CHECK(typed("1011", (const char *const[]){ "ab\x10\x11" "cd", NULL }, out));
	CHECK_TEXT(out, "ab");
	CHECK(typed("1011", (const char *const[]){ "a\x10", "\x11", NULL }, out));
	CHECK_TEXT(out, "a");
	CHECK(!typed("1011", (const char *const[]){ "a\x10", "b", "\x10\x10", "c", NULL }, out));
	CHECK_TEXT(out, "a\x10" "b\x10\x10" "c");
	CHECK(!typed("-", (const char *const[]){ "a\x10\x11", NULL }, out));
	CHECK_TEXT(out, "a\x10\x11");
	CHECK(typed("61", (const char *const[]){ "xa", NULL }, out));
	CHECK_TEXT(out, "x");
	CHECK(detach_parse(&detach, "1") == -EINVAL);
	CHECK(detach_parse(&detach, "zz") == -EINVAL);
	return 0;
}
