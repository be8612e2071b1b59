/* A descriptor that travels with bytes over a unix socket. */
#ifndef WHARF_PASSFD_H
#define WHARF_PASSFD_H

#include <sys/types.h>

/* As recv(2); *fd is the descriptor that came along, close-on-exec and the caller's, or -1. */
ssize_t receive_with_fd(int socket, void *data, size_t size, int flags, int *fd);

/* Sends both, whole. */
int send_with_fd(int socket, const void *data, size_t size, int fd);

#endif
