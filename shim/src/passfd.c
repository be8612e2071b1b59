#include "passfd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* The buffer of a message with one descriptor, aligned as its header has to be. */
union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

ssize_t receive_with_fd(int socket, void *data, size_t size, int flags, int *fd)
{
	union control control = { 0 };
	struct iovec piece = { data, size };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.space,
				  .msg_controllen = sizeof(control.space) };
	*fd = -1;
	ssize_t n = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len >= CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return n;
}

int send_with_fd(int socket, const void *data, size_t size, int fd)
{
	union control control = { 0 };
	struct iovec piece = { (void *)data, size };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.space,
				  .msg_controllen = sizeof(control.space) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
