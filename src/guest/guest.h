/* The guest program's inside: it is the first process of a sandbox. Static, without GLib. Boot, then a loop around poll(2). */
#pragma once

#include <kgent/guest.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* --- boot.c: what a system has before anybody works with it --- */

/* Say something on the console, where the host sees it. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* File systems, devices, loopback, limits. */
void boot_mount(void);
/* The modules of /kgent/modules, a line each: "FILE.ko PARAMETERS". How many are there now. */
unsigned boot_modules(void);
void boot_network(void);
/* Open the port to the host, non-blocking; waits until it appears. -1: there is none. */
int boot_port(void);
/* Write a short text to a file of the kernel's. 0 or an errno value. */
int write_text(const char *path, const char *text);
/* Read a small file; what was read, with a NUL; 0 bytes when it can't be. */
size_t read_text(const char *path, char *buf, size_t size);

/* --- port.c: frames in and out --- */

/* Make room for [len] bytes of output; a command's output is only read while there is some. */
bool port_has_room(void);
/* Queue a frame. Answers overtake what commands wrote. */
void port_answer(uint16_t type, uint32_t id, const void *payload, size_t len);
void port_data(uint16_t type, uint16_t aux, uint32_t id, const void *head, size_t head_len, const void *data, size_t len);
bool port_wants_write(void);
/* Write what the port takes. */
void port_flush(int fd);
/* Read what there is, and have each whole frame handled. Ends the machine when the host is gone or speaks nonsense. */
void port_read(int fd);
/* Power off: the host is gone. */
_Noreturn void power_off(const char *why);

/* --- request.c: what the host asks for --- */
void request_handle(const struct kg_guest_header *h, const char *payload);

/* --- command.c: programs that run --- */
int command_start(uint32_t id, const char *payload, size_t len); /* 0 or an errno value */
void command_signal(uint32_t id, int sig);
int command_input(uint32_t id, const void *data, size_t len);    /* 0 or an errno value */
/* Descriptors to wait for; returns how many were added. */
size_t command_poll_fds(struct pollfd *fds);
/* After poll(2): read output, reap, look at the clock. */
void command_work(void);
/* Until something of a command has to be done, in ms; -1: nothing. */
int command_patience_ms(void);
/* The limits of all commands together, from the memory that is free now. */
void command_limit_memory(void);

/* --- functions.c: the list of traceable functions, kept --- */
void functions_keep(void);
/* Before a command starts: is what was kept still right? */
void functions_check(void);

/* --- the clock and memory --- */
int64_t now_ns(void);
uint64_t memory_available(void);
