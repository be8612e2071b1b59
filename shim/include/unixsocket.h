/* Unix stream sockets with a path. */
#ifndef WHARF_UNIXSOCKET_H
#define WHARF_UNIXSOCKET_H

/* Removes what is at path and listens there (mode 0600); non-blocking, close-on-exec. -ENAMETOOLONG beyond 107 bytes. */
int unix_listen(const char *path, int backlog);

/* Connects to who listens there; close-on-exec. Flags are 0 or SOCK_NONBLOCK: -EAGAIN where too many wait already. */
int unix_dial(const char *path, int flags);

#endif
