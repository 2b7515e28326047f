/* The system calls a daemon may make once it serves. Everything else fails with EPERM, which a library takes for "not
 * here" and a peer for silence: a call that nobody thought of shall not end the service of all UEs. What no honest code
 * of ours can ever do, in the second list, ends the process at once: that is somebody else's code. */
#include "confine.h"

#ifndef HAVE_SECCOMP

int confine_seccomp(const char **lack)
{
	*lack = "built without libseccomp";
	return -1;
}

#else

#include <asm/termbits.h>
#include <errno.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <seccomp.h>

/* One argument may be looked at: `arg` from 1, 0 for none. */
struct call {
	int nr;
	unsigned arg;
	uint64_t mask, value;
};
#define CALL(name) \
	{ \
		.nr = SCMP_SYS(name) \
	}
#define CALL_IF(name, n, bits, want) \
	{ \
		.nr = SCMP_SYS(name), .arg = (n) + 1, .mask = (bits), .value = (want) \
	}
#define INT_BITS 0xffffffffU

static const struct call allowed[] = {
	/* links, control sockets, metrics: read, write, options */
	CALL(read),
	CALL(write),
	CALL(readv),
	CALL(writev),
	CALL(recvfrom),
	CALL(sendto),
	CALL(recvmsg),
	CALL(sendmsg),
	CALL(getsockname),
	CALL(getpeername),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(shutdown),
	CALL(close),
	/* peers that come, and peers to go to: TCP, SCTP, UDP; AF_UNIX for the service manager */
	CALL_IF(socket, 0, INT_BITS, AF_UNIX),
	CALL_IF(socket, 0, INT_BITS, AF_INET),
	CALL_IF(socket, 0, INT_BITS, AF_INET6),
	CALL(bind),
	CALL(listen),
	CALL(accept),
	CALL(accept4),
	CALL(connect),
	/* libevent: how much is there to read, and non-blocking mode */
	CALL_IF(ioctl, 1, INT_BITS, FIONREAD),
	CALL_IF(ioctl, 1, INT_BITS, FIONBIO),
	/* the event loop, whatever back end libevent took; usrsctp's thread selects */
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_pwait2),
	CALL(epoll_ctl),
	CALL(poll),
	CALL(ppoll),
	CALL(select),
	CALL(pselect6),
	CALL(timerfd_settime),
	/* files: which of them, Landlock says */
	CALL(open),
	CALL(openat),
	CALL(stat),
	CALL(fstat),
	CALL(fstatfs),
	CALL(statfs), /* the room on the disk of the store */
	CALL(lstat),
	CALL(newfstatat),
	CALL(statx),
	CALL(access),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(readlink),
	CALL(readlinkat),
	CALL(getdents64),
	CALL(getcwd),
	CALL(lseek),
	CALL(fcntl),
	/* SQLite, captures, logs; WAL files go at the end, the control socket, too */
	CALL(pread64),
	CALL(pwrite64),
	CALL(ftruncate),
	CALL(fallocate),
	CALL(fsync),
	CALL(fdatasync),
	CALL(fchmod),
	CALL(rename),
	CALL(renameat),
	CALL(renameat2),
	CALL(unlink),
	CALL(unlinkat),
	CALL(umask),
	/* memory, but none that can be run */
	CALL_IF(mmap, 2, PROT_EXEC, 0),
	CALL_IF(mprotect, 2, PROT_EXEC, 0),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(brk),
	/* threads of libraries; a process is none. clone3 hides its flags: it says ENOSYS below */
	CALL_IF(clone, 0, CLONE_THREAD, CLONE_THREAD),
	CALL(set_robust_list),
	CALL(rseq),
	CALL(futex),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(gettid),
	CALL_IF(prctl, 0, INT_BITS, PR_SET_NAME),
	/* time, randomness, who and where am I */
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(clock_nanosleep),
	CALL(nanosleep),
	CALL(gettimeofday),
	CALL(time),
	CALL(getrandom),
	CALL(getpid),
	CALL(getppid),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(uname),
	CALL(sysinfo),
	CALL(getrusage),
	CALL_IF(prlimit64, 2, ~UINT64_C(0), 0),
	CALL(getrlimit),
	/* signals, and the end: abort() is tgkill() */
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sigaltstack),
	CALL(restart_syscall),
	CALL(tgkill),
	CALL(exit),
	CALL(exit_group),
#ifdef KEYHOP_SANITIZERS
	/* LeakSanitizer looks at the threads from a process beside them when all ends */
	CALL(clone),
	CALL(ptrace),
	CALL(wait4),
	CALL(prctl),
	CALL(pipe),
	CALL(pipe2),
	CALL(mmap),
	CALL(mprotect),
	CALL(kill),
	CALL(dup),
	CALL(dup2),
	CALL(setrlimit),
	CALL(mincore),
	CALL(getdents),
#endif
};

static const int deadly[] = {
	/* another program */
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	/* other processes' memory */
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
#ifndef KEYHOP_SANITIZERS
	SCMP_SYS(ptrace),
#endif
	/* other users, other views of the machine */
	SCMP_SYS(setuid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setregid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(capset),
	SCMP_SYS(chroot),
	SCMP_SYS(pivot_root),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	/* doors of the kernel that were left open before */
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(kexec_load),
};

static int allow(scmp_filter_ctx ctx, const struct call *c)
{
	const struct scmp_arg_cmp cmp =
		SCMP_CMP64(c->arg - 1, SCMP_CMP_MASKED_EQ, c->mask, c->value);

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, c->nr, c->arg ? 1 : 0, &cmp);
}

/* Calls that this machine's architecture does not have are left out by the library. */
static int fill(scmp_filter_ctx ctx)
{
	int err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (size_t i = 0; !err && i < sizeof allowed / sizeof allowed[0]; i++)
		err = allow(ctx, &allowed[i]);
	for (size_t i = 0; !err && i < sizeof deadly / sizeof deadly[0]; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	return err;
}

int confine_seccomp(const char **lack)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = ctx ? 0 : -ENOMEM;

	/* Threads that a library started already are held to it, too. */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!err)
		err = fill(ctx);
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	if (err)
		*lack = strerror(-err);
	return err ? -1 : 0;
}

#endif
