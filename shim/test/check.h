/* A check that says where it failed; a test is a main that checks. */
#ifndef WHARF_CHECK_H
#define WHARF_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                         \
	do {                                                                                     \
		if (!(condition)) {                                                              \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);          \
			exit(1);                                                                 \
		}                                                                                \
	} while (0)

#define CHECK_TEXT(actual, expected)                                                             \
	do {                                                                                     \
		if (strcmp(actual, expected) != 0) {                                             \
			fprintf(stderr, "%s:%d:\n  is        %s\n  should be %s\n", __FILE__,    \
				__LINE__, actual, expected);                                     \
			exit(1);                                                                 \
		}                                                                                \
	} while (0)

#endif
