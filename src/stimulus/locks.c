/* Locks: futexes that are waited for, mutexes that two threads want, semaphores. */
#include "stimulus.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_in_vain(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), us = stim_number(s, "us");
	struct timespec span = {us / 1000000, us % 1000000 * 1000};
	uint32_t word = 1;

	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must_fail(s, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &span, NULL, 0), ETIMEDOUT, "futex");
	stim_end(s);
}

static void run_futex(struct stim *s)
{
	long n = stim_number(s, "count");

	stim_act(s, wait_in_vain, NULL);
	stim_tell(s, "futex.count", n);
	stim_tell(s, "futex.least_ns", stim_number(s, "us") * 1000);
	stim_tell_text(s, "futex.error", "ETIMEDOUT");
	stim_tell(s, "syscalls", n + 1);
}

/* ---------------------------------------------------------------- a mutex that is held */

/*
 * A mutex as libc's: 0 free, 1 taken, 2 taken and waited for. The holder takes it, tells, holds it until the waiter is asleep in
 * futex() and for the time that was asked for, and lets it go: so each round has exactly one wait and one wake-up.
 */
struct rounds {
	struct stim *s;
	uint32_t mutex;
	volatile uint32_t is_held; /* round in which the holder has it */
	volatile uint32_t is_done; /* round in which the waiter had it */
	pid_t waiter;
	long long shortest_ns;
};

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *hold(void *data)
{
	struct rounds *r = data;
	long n = stim_number(r->s, "count"), ms = stim_number(r->s, "ms");
	struct timespec span = {ms / 1000, ms % 1000 * 1000000};

	prctl(PR_SET_NAME, "kgstim-holder");
	for (uint32_t i = 1; i <= n; i++) {
		__atomic_store_n(&r->mutex, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&r->is_held, i, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&r->mutex, __ATOMIC_SEQ_CST) != 2)
			sched_yield();
		syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &span, NULL);
		__atomic_store_n(&r->mutex, 0, __ATOMIC_SEQ_CST);
		/* 0 woken: it is not asleep yet, or it was woken for nothing and looks again */
		while (syscall(SYS_futex, &r->mutex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0 && r->is_done != i)
			sched_yield();
		while (r->is_done != i)
			sched_yield();
	}
	return NULL;
}

static void want(struct stim *s, struct rounds *r)
{
	long n = stim_number(s, "count"), n_waits = 0;

	stim_begin(s);
	for (uint32_t i = 1; i <= n; i++) {
		while (r->is_held != i)
			for (volatile int k = 0; k < 1000; k++)
				;
		long long before = now_ns(), took;
		__atomic_store_n(&r->mutex, 2, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&r->mutex, __ATOMIC_SEQ_CST) == 2) {
			syscall(SYS_futex, &r->mutex, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
			n_waits++;
		}
		took = now_ns() - before;
		r->shortest_ns = i == 1 || took < r->shortest_ns ? took : r->shortest_ns;
		__atomic_store_n(&r->is_done, i, __ATOMIC_SEQ_CST);
	}
	stim_end(s);
	s->shared[0] = n_waits;
	s->shared[1] = r->shortest_ns;
}

static void contend(struct stim *s, void *data)
{
	struct rounds r = {.s = s};
	pthread_t holder;

	errno = pthread_create(&holder, NULL, hold, &r);
	if (errno)
		stim_cannot(s, "pthread_create: %s", strerror(errno));
	want(s, &r);
	pthread_join(holder, NULL);
}

static void run_mutex(struct stim *s)
{
	stim_act(s, contend, NULL);
	stim_tell(s, "mutex.count", stim_number(s, "count"));
	stim_tell(s, "mutex.waits", s->shared[0]);
	stim_tell(s, "mutex.held_ns", stim_number(s, "ms") * 1000000);
	stim_tell(s, "mutex.least_ns", s->shared[1]);
	stim_tell_text(s, "mutex.holder_comm", "kgstim-holder");
}

/* ---------------------------------------------------------------- System V semaphores */

static void up_and_down(struct stim *s, void *data)
{
	long n = stim_number(s, "count");
	int id = *(int *)data;

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		struct sembuf up = {.sem_op = 1}, down = {.sem_op = -1};
		stim_must(s, syscall(SYS_semop, id, &up, 1), "semop");
		stim_must(s, syscall(SYS_semop, id, &down, 1), "semop");
	}
	stim_end(s);
}

static void run_semaphore(struct stim *s)
{
	int id = (int)stim_must(s, semget(IPC_PRIVATE, 1, 0666 | IPC_CREAT), "semget");
	char text[24];

	snprintf(text, sizeof(text), "%d", id);
	stim_later(s, STIM_CLEAN_SEM, text);
	stim_act(s, up_and_down, &id);
	stim_tell(s, "semop.count", 2 * stim_number(s, "count"));
	stim_tell(s, "semop.id", id);
	stim_tell(s, "syscalls", 2 * stim_number(s, "count") + 1);
}

static const struct stim_option futex_options[] = {
	{"count", "N", "20", "how many", 0, 100000, NULL}, {"us", "US", "2000", "microseconds of each", 1, 60000000, NULL}, {NULL}};
static const struct stim_option mutex_options[] = {
	{"count", "N", "10", "how many", 0, 100000, NULL}, {"ms", "MS", "5", "milliseconds that it is held", 1, 60000, NULL}, {NULL}};
static const struct stim_option count_options[] = {{"count", "N", "20", "how many", 0, 100000, NULL}, {NULL}};

const struct stimulus stim_locks[] = {
	{"futex", "wait for a futex that nobody wakes, until time is up", run_futex, futex_options,
	 "futex.count futex.least_ns futex.error syscalls", NULL},
	{"mutex", "want a mutex that another thread holds", run_mutex, mutex_options,
	 "mutex.count mutex.waits mutex.held_ns mutex.least_ns mutex.holder_comm", NULL},
	{"semaphore", "raise a System V semaphore and lower it", run_semaphore, count_options, "semop.count semop.id syscalls", NULL},
	{NULL},
};
