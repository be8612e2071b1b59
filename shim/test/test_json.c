#include "check.h"
#include "json.h"

static void escapes(const char *text, size_t size, const char *expected)
{
	/* exactly as much as promised is needed, so that the sanitizer sees one byte too many */
	char *copy = malloc(size ? size : 1);
	char *out = malloc(size * JSON_ESCAPE_MAX + 16);
	memcpy(copy, text, size);
	char *end = json_escape(out, copy, size);
	*end = '\0';
	CHECK_TEXT(out, expected);
	free(copy);
	free(out);
}

#define ESCAPES(text, expected) escapes(text, sizeof(text) - 1, expected)

static void last_error(const char *log, const char *expected)
{
	char out[256];
	json_last_error(log, strlen(log), out, sizeof(out));
	CHECK_TEXT(out, expected);
}

int main(void)
{
	ESCAPES("", "");
	ESCAPES("plain text that is longer than sixteen bytes", "plain text that is longer than sixteen bytes");
	ESCAPES("fifteen bytes..<and more after that one>", "fifteen bytes..\\u003cand more after that one\\u003e");
	ESCAPES("\"\\/&\t\r\n\b\f\x7f", "\\\"\\\\/\\u0026\\u0009\\r\\n\\u0008\\u000c\x7f");
	ESCAPES("nul\0byte", "nul\\u0000byte");
	ESCAPES("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	ESCAPES("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", "\\u2028\\u2029\xe2\x80\xaa");
	ESCAPES("\xff\xc3(", "\\ufffd\\ufffd(");
	ESCAPES("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd");
	ESCAPES("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
	ESCAPES("\xc0\x80\xe0\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd");
	ESCAPES("cut \xe2\x82", "cut \\ufffd\\ufffd");
	ESCAPES("cut \xf0\x9f\x98", "cut \\ufffd\\ufffd\\ufffd");

	last_error("", "");
	last_error("no json\n", "");
	last_error("{\"level\":\"warning\",\"msg\":\"w\"}\n", "w");
	last_error("{\"level\":\"error\",\"msg\":\"first\"}\n{\"level\":\"error\",\"msg\":\"exec: \\\"nope\\\": \\u003cx\\u003e\",\"time\":\"t\"}\n"
		   "{\"level\":\"warning\",\"msg\":\"after\"}\n",
		   "exec: \"nope\": <x>");
	last_error("{\"msg\": \"crun's\", \"level\": \"error\"}", "crun's");
	last_error("{\"level\":\"error\",\"msg\":\"not closed \\", "not closed \\");
	return 0;
}
