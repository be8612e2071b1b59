#include "check.h"
#include "locallog.h"
#include "logfile.h"
#include "protocol.h"

static void is(const struct log_piece *piece, const char *expected)
{
	char out[256], hex[600];
	size_t length = (size_t)(locallog_put(out, piece) - out);
	for (size_t i = 0; i < length; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)out[i]);
	CHECK_TEXT(hex, expected);
}

int main(void)
{
	/* the first record is one that dockerd 28.5 has written */
	is(&(struct log_piece){ STREAM_STDOUT, "hi", 2, true, 0, 1795676389310805065 },
	   "000000160a067374646f757410c9e8b4a398c5e1f5181a02686900000016");
	is(&(struct log_piece){ STREAM_STDERR, "x", 1, false, 1, 1 },
	   "000000250a0673746465727210011a017820012a1412103030303030303030303030303030303118010000" "0025");
	is(&(struct log_piece){ STREAM_STDERR, "", 0, true, 2, 1 },
	   "000000240a06737464657272100120012a16080112103030303030303030303030303030303118020000" "0024");
	is(&(struct log_piece){ STREAM_STDOUT, "", 0, true, 0, 1 }, "0000000a0a067374646f757410010000000a");
	return 0;
}
