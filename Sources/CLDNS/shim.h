// libldns for Swift, and the system calls that ask many servers at once; globals, macros and what glibc hides
// without _GNU_SOURCE become inline functions here.
#ifndef EDGEFERRY_CLDNS_H
#define EDGEFERRY_CLDNS_H
#include <ldns/ldns.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A record as one line without comments; to be freed. NULL when it cannot be printed. */
static inline char *cl_record_text(const ldns_rr *rr) { return ldns_rr2str_fmt(ldns_output_format_nocomments, rr); }

/* What the kernel calls struct mmsghdr. */
struct cl_message {
  struct msghdr header;
  unsigned int length;
};
static inline int cl_send_many(int socket, struct cl_message *messages, unsigned int count) {
  return (int)syscall(SYS_sendmmsg, socket, messages, count, MSG_NOSIGNAL);
}
static inline int cl_receive_many(int socket, struct cl_message *messages, unsigned int count) {
  return (int)syscall(SYS_recvmmsg, socket, messages, count, MSG_DONTWAIT, (void *)0);
}

#endif
