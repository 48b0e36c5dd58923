/* SPDX-License-Identifier: MIT */
/* Are other users of SIGBUS in the process unharmed? */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/backing.h"
#include "prealloc/prealloc.h"
#include "prealloc/sigbus.h"
#include "unit/unit.h"

#define KIB4 4096ull
#define MIB (1ull << 20)

static _Thread_local sigjmp_buf theirs;
static atomic_uint nr_theirs;

static void their_handler(int number, siginfo_t *info, void *context)
{
	nr_theirs++;
	if (info->si_code > 0)
		siglongjmp(theirs, 1);
}

static void their_plain_handler(int number)
{
	nr_theirs++;
}

static struct backing make_cut(uint64_t file_bytes)
{
	const struct backing_params p = { .kind = BACKING_MEMFD,
					  .bytes = 16 * MIB,
					  .page_bytes = KIB4,
					  .name = "test" };
	struct backing b;

	assert_int_equal(backing_create(&p, &b, NULL), 0);
	assert_int_equal(ftruncate(b.fd, (off_t)file_bytes), 0);
	return b;
}

static int touch_all(const struct backing *b, unsigned int nr_threads)
{
	const struct prealloc_range range = { .base = b->base,
					      .bytes = b->bytes,
					      .page_bytes = KIB4,
					      .touch_bytes = KIB4,
					      .fd = b->fd };
	const struct prealloc_config c = { .method = nr_threads == 1
							     ? PREALLOC_SERIAL
							     : PREALLOC_SPLIT,
					   .nr_threads = nr_threads };
	struct prealloc_result r;
	int rc = prealloc_run(&c, &range, &r, NULL);

	prealloc_result_exit(&r);
	return rc;
}

static void install(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = their_handler;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
	nr_theirs = 0;
}

static bool is_installed(void)
{
	struct sigaction now;

	sigaction(SIGBUS, NULL, &now);
	return (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == their_handler;
}

static void test_put_back(void **state)
{
	struct backing b = make_cut(MIB);

	install();
	assert_int_equal(touch_all(&b, 1), -ENOMEM);
	assert_true(is_installed());
	assert_int_equal(touch_all(&b, 3), -ENOMEM);
	assert_true(is_installed());
	assert_int_equal(nr_theirs, 0);
	backing_destroy(&b);
}

struct other {
	struct backing *cut;
	atomic_bool stop;
	atomic_uint nr_faults;
};

/* A thread that has SIGBUS for its own ends, all the time. */
static void *fault_on(void *arg)
{
	struct other *o = arg;

	while (!o->stop) {
		if (!sigsetjmp(theirs, 1))
			*(volatile char *)o->cut->base = 1;
		else
			o->nr_faults++;
	}
	return NULL;
}

static void test_other_thread(void **state)
{
	struct backing ours = make_cut(MIB), cut = make_cut(0);
	struct other other = { .cut = &cut };
	pthread_t thread;
	unsigned int i;

	install();
	assert_int_equal(pthread_create(&thread, NULL, fault_on, &other), 0);
	for (i = 0; i < 200 || !other.nr_faults; i++)
		assert_int_equal(touch_all(&ours, 1 + i % 3), -ENOMEM);
	other.stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(nr_theirs, other.nr_faults);
	assert_true(is_installed());
	backing_destroy(&cut);
	backing_destroy(&ours);
}

static void *run_touch(void *arg)
{
	unsigned int i;

	for (i = 0; i < 50; i++)
		if (touch_all(arg, 2) != -ENOMEM)
			return arg;
	return NULL;
}

/* Two at once: the handler stays until both are done. */
static void test_two_at_once(void **state)
{
	struct backing a = make_cut(MIB), b = make_cut(2 * MIB);
	pthread_t thread;
	void *failed;

	install();
	assert_int_equal(pthread_create(&thread, NULL, run_touch, &a), 0);
	assert_null(run_touch(&b));
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_true(is_installed());
	backing_destroy(&a);
	backing_destroy(&b);
}

/* Sent by somebody, not raised by a touch. */
static void test_sent(void **state)
{
	struct sigaction plain = { .sa_handler = their_plain_handler };

	install();
	assert_int_equal(sigbus_get(), 0);
	raise(SIGBUS);
	assert_int_equal(nr_theirs, 1);
	sigbus_put();
	sigemptyset(&plain.sa_mask);
	sigaction(SIGBUS, &plain, NULL);
	assert_int_equal(sigbus_get(), 0);
	raise(SIGBUS);
	assert_int_equal(nr_theirs, 2);
	sigbus_put();
	signal(SIGBUS, SIG_IGN);
	assert_int_equal(sigbus_get(), 0);
	raise(SIGBUS);
	sigbus_put();
	signal(SIGBUS, SIG_DFL);
}

/* Somebody put theirs over ours meanwhile: it stays. */
static void test_replaced_meanwhile(void **state)
{
	signal(SIGBUS, SIG_DFL);
	assert_int_equal(sigbus_get(), 0);
	install();
	sigbus_put();
	assert_true(is_installed());
	signal(SIGBUS, SIG_DFL);
}

static int status_of(void (*child)(const struct backing *))
{
	struct backing cut = make_cut(0);
	int status = 0;
	pid_t pid;

	signal(SIGBUS, SIG_DFL);
	pid = fork();
	if (!pid) {
		/* The tests' framework has handlers of its own. */
		signal(SIGBUS, SIG_DFL);
		if (!sigbus_get())
			child(&cut);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	backing_destroy(&cut);
	return status;
}

static void child_faults(const struct backing *cut)
{
	*(volatile char *)cut->base = 1;
}

static void child_raises(const struct backing *cut)
{
	raise(SIGBUS);
}

/* Nobody's SIGBUS ends the process, as ever. */
static void test_default_kills(void **state)
{
	int status = status_of(child_faults);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	status = status_of(child_raises);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

/* Blocked in the caller before and after, and caught all the same. */
static void test_mask(void **state)
{
	struct backing b = make_cut(MIB);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	assert_int_equal(touch_all(&b, 1), -ENOMEM);
	assert_int_equal(touch_all(&b, 3), -ENOMEM);
	assert_true(sigbus_blocked());
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	assert_int_equal(touch_all(&b, 1), -ENOMEM);
	assert_false(sigbus_blocked());
	backing_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_back),
		cmocka_unit_test(test_other_thread),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_sent),
		cmocka_unit_test(test_replaced_meanwhile),
		cmocka_unit_test(test_default_kills),
		cmocka_unit_test(test_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
