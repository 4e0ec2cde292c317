/* See interrupt.h. */
#include "interrupt.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int numbers[] = {SIGINT, SIGTERM};
static volatile int stop_requests, is_proving;

static void on_signal(int number)
{
	if (is_proving) {
		stop_requests += stop_requests < 2;
		return;
	}
	signal(number, SIG_DFL);
	raise(number);
}

void kg_interrupt_begin(struct kg_interrupt *in, struct kg_prove_opts *prove)
{
	struct sigaction action = {.sa_handler = on_signal}, *old = g_new0(struct sigaction, G_N_ELEMENTS(numbers));

	stop_requests = is_proving = 0;
	sigemptyset(&action.sa_mask);
	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		sigaction(numbers[i], &action, &old[i]);
	in->old = old;
	prove->bounds.stop = &stop_requests;
	prove->is_proving = &is_proving;
}

void kg_interrupt_end(struct kg_interrupt *in)
{
	struct sigaction *old = in->old;

	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		sigaction(numbers[i], &old[i], NULL);
	g_free(old);
	in->old = NULL;
}
