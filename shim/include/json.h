/* The two pieces of JSON that the shim knows: how dockerd writes a string, and how to find the runtime's last error. */
#ifndef WHARF_JSON_H
#define WHARF_JSON_H

#include <stddef.h>

/* The most that one byte can become. */
#define JSON_ESCAPE_MAX 6

/*
 * Writes size bytes as the inside of a JSON string, as dockerd's json-file driver does: <, >, & and control characters as
 * \u00xx except \n and \r, U+2028 and U+2029 escaped, each byte that is no UTF-8 as \ufffd. out needs size *
 * JSON_ESCAPE_MAX + 16 bytes. Returns the end of what was written.
 */
char *json_escape(char *out, const char *text, size_t size);

/*
 * Copies the "msg" of the last line of a runtime's JSON log whose level is error (or fatal), or of the last line at all
 * if there is none. Returns its length, 0 if nothing was found. out is NUL-terminated.
 */
size_t json_last_error(const char *log, size_t size, char *out, size_t out_size);

#endif
