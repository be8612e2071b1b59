/* Unix stream sockets with a path. */
#ifndef WHARF_UNIXSOCKET_H
#define WHARF_UNIXSOCKET_H

/* Removes what is at path and listens there (mode 0600); non-blocking, close-on-exec. -ENAMETOOLONG beyond 107 bytes. */
int unix_listen(const char *path, int backlog);

/* Connects to who listens there; blocking, close-on-exec. */
int unix_dial(const char *path);

#endif
