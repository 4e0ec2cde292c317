/* Time: sleeping, spinning, waiting for a CPU, timers. No sleep is shorter than asked for; how much longer it took is in the truth. */
#include "stimulus.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_often(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), us = stim_number(s, "us");
	struct timespec span = {us / 1000000, us % 1000000 * 1000};
	long long least = INT64_MAX, most = 0, total = 0;

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		long long before = now_ns(), took;
		stim_must(s, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &span, NULL), "clock_nanosleep");
		took = now_ns() - before;
		total += took;
		least = took < least ? took : least;
		most = took > most ? took : most;
	}
	stim_end(s);
	s->shared[0] = n ? least : 0;
	s->shared[1] = most;
	s->shared[2] = total;
}

static void run_sleep(struct stim *s)
{
	long n = stim_number(s, "count"), us = stim_number(s, "us");

	stim_act(s, sleep_often, NULL);
	stim_tell(s, "sleep.count", n);
	stim_tell(s, "sleep.asked_ns", us * 1000);
	stim_tell(s, "sleep.least_ns", s->shared[0]); /* as the program saw them: the call lies within */
	stim_tell(s, "sleep.most_ns", s->shared[1]);
	stim_tell(s, "sleep.total_ns", s->shared[2]);
	stim_tell(s, "syscalls", n + 1);
}

static long long cpu_ns(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void spin_for(long ms)
{
	for (long long until = cpu_ns() + ms * 1000000LL; cpu_ns() < until;)
		for (volatile int i = 0; i < 100000; i++)
			;
}

/* Time on the CPU is known when a thread leaves it: it goes there and leaves it under the name that is asked for. */
static void spin(struct stim *s, void *data)
{
	struct timespec nap = {0, 1000000};
	long long before;

	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &nap, NULL);
	stim_begin(s);
	before = cpu_ns();
	spin_for(stim_number(s, "ms"));
	s->shared[0] = cpu_ns() - before;
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &nap, NULL);
	stim_end(s);
}

static void run_spin(struct stim *s)
{
	stim_act(s, spin, NULL);
	stim_tell(s, "spin.asked_ns", stim_number(s, "ms") * 1000000);
	stim_tell(s, "spin.cpu_ns", s->shared[0]);
}

/* ---------------------------------------------------------------- waiting for a CPU */

/* The kernel's own account of this thread: time on the CPU, time that it waited for one, times that it got one. */
static bool schedstat(long long *on_cpu, long long *waited)
{
	char text[128];

	return stim_read_text("/proc/thread-self/schedstat", text, sizeof(text)) > 0 && sscanf(text, "%lld %lld", on_cpu, waited) == 2;
}

/* Two processes on one CPU, both of which want all of it. */
static void share_cpu(struct stim *s, void *data)
{
	long long cpu, before, after;
	cpu_set_t set;
	pid_t rival;
	int at = s->cpu >= 0 ? s->cpu : sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(at, &set);
	stim_must(s, sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
	rival = (pid_t)stim_must(s, fork(), "fork");
	if (!rival)
		for (;;)
			spin_for(1000);
	if (!schedstat(&cpu, &before))
		stim_cannot(s, "the kernel keeps no /proc/PID/schedstat");
	stim_begin(s);
	spin_for(stim_number(s, "ms"));
	syscall(SYS_sched_yield);
	stim_end(s);
	kill(rival, SIGKILL);
	waitpid(rival, NULL, 0);
	schedstat(&cpu, &after);
	s->shared[0] = after - before;
	s->shared[1] = at;
	s->ids[0] = rival;
}

static void run_runqueue(struct stim *s)
{
	stim_act(s, share_cpu, NULL);
	if (s->shared[0] <= 0)
		stim_cannot(s, "it never had to wait for the CPU");
	stim_tell(s, "runqueue.waited_ns", s->shared[0]); /* as the kernel accounts it */
	stim_tell(s, "runqueue.cpu_ns", stim_number(s, "ms") * 1000000);
	stim_tell(s, "runqueue.cpu", s->shared[1]);
	stim_tell(s, "runqueue.rival_pid", s->ids[0]);
}

/* ---------------------------------------------------------------- timers */

static void expire(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), us = stim_number(s, "us");
	int fd = (int)stim_must(s, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd_create");
	struct itimerspec once = {.it_value = {us / 1000000, us % 1000000 * 1000}};

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		uint64_t times = 0;
		stim_must(s, syscall(SYS_timerfd_settime, fd, 0, &once, NULL), "timerfd_settime");
		if (syscall(SYS_read, fd, &times, sizeof(times)) != sizeof(times) || times != 1)
			stim_fail(s, "a timer that was set once expired %llu times", (unsigned long long)times);
	}
	stim_end(s);
}

static void run_timer(struct stim *s)
{
	long n = stim_number(s, "count");

	stim_act(s, expire, NULL);
	stim_tell(s, "timer.count", n);
	stim_tell(s, "timer.asked_ns", stim_number(s, "us") * 1000);
	stim_tell(s, "syscalls", 2 * n + 1);
}

static const struct stim_option sleep_options[] = {
	{"count", "N", "20", "how many", 0, 100000, NULL}, {"us", "US", "2000", "microseconds of each", 1, 60000000, NULL}, {NULL}};
static const struct stim_option spin_options[] = {{"ms", "MS", "200", "milliseconds of CPU time", 1, 60000, NULL}, {NULL}};

const struct stimulus stim_times[] = {
	{"sleep", "sleep for a known time", run_sleep, sleep_options,
	 "sleep.count sleep.asked_ns sleep.least_ns sleep.most_ns sleep.total_ns syscalls", NULL},
	{"spin", "use the CPU for a known time", run_spin, spin_options, "spin.asked_ns spin.cpu_ns", NULL},
	{"runqueue", "wait for a CPU that another process uses, too", run_runqueue, spin_options,
	 "runqueue.waited_ns runqueue.cpu_ns runqueue.cpu runqueue.rival_pid", NULL},
	{"timer", "set a timer and wait until it expires", run_timer, sleep_options, "timer.count timer.asked_ns syscalls", NULL},
	{NULL},
};
