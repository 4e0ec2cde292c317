/**
 * @file
 * What a sandbox and its guest program say to each other over the virtio-serial port "kgent".
 *
 * Both directions are a stream of frames: a header of 12 bytes, then `len` bytes of payload. Numbers are little-endian. The guest sends
 * nothing before it was woken. Frames that answer (READY, DONE, PONG) overtake output that waits; OUTPUT and EXIT keep their order.
 * This header is for both sides and needs nothing but C: the guest program is static and has no GLib.
 *
 *   frame    id       payload
 *   WAKE     -        i64 time of day in ns; up to 256 bytes of seed for the random number generator          -> READY
 *   PUT      request  u32 mode, u8 flags, path NUL, data. Parts of one file come one after the other          -> DONE at the last one
 *   START    command  struct kg_guest_start, directory NUL, argc + envc strings, each with its NUL            -> DONE, later OUTPUT, EXIT
 *   SIGNAL   command  i32 signal; 0: SIGKILL for all of it
 *   INPUT    command  data; none: close                                                                        -> DONE
 *   PING     request  -                                                                                        -> PONG
 *   REST     request  -: make ready for being saved (memory that is free is zeroed)                           -> DONE
 *
 *   READY    -        struct kg_guest_ready, release NUL
 *   DONE     as asked i32 errno value, 0 for success
 *   PONG     as asked u64 bytes of memory that can still be had
 *   OUTPUT   command  i64 CLOCK_MONOTONIC in ns; data. aux is the stream: 1 or 2
 *   EXIT     command  struct kg_guest_exit
 */
#pragma once

#include <stdint.h>

#define KG_GUEST_PORT "kgent"
#define KG_GUEST_VERSION 1u
#define KG_GUEST_FRAME_MAX 65536u /**< bytes of payload */
#define KG_GUEST_COMMANDS 64u     /**< that run at once */

enum kg_guest_frame {
	KG_GUEST_WAKE = 1,
	KG_GUEST_PUT,
	KG_GUEST_START,
	KG_GUEST_SIGNAL,
	KG_GUEST_INPUT,
	KG_GUEST_PING,
	KG_GUEST_REST,
	KG_GUEST_READY = 65,
	KG_GUEST_DONE,
	KG_GUEST_PONG,
	KG_GUEST_OUTPUT,
	KG_GUEST_EXIT,
};

struct kg_guest_header {
	uint32_t len;  /**< of the payload */
	uint16_t type; /**< enum kg_guest_frame */
	uint16_t aux;  /**< of OUTPUT: the stream; else 0 */
	uint32_t id;
};
_Static_assert(sizeof(struct kg_guest_header) == 12, "no padding");

enum { KG_GUEST_PUT_FIRST = 1, KG_GUEST_PUT_LAST = 2 };
enum { KG_GUEST_START_DROPS = 1, KG_GUEST_START_INPUT = 2 };

struct kg_guest_start {
	int32_t timeout_ms; /**< -1: none */
	uint32_t flags;
	uint64_t max_output;
	uint16_t argc;
	uint16_t envc;
	uint32_t zero;
};
_Static_assert(sizeof(struct kg_guest_start) == 24, "no padding");

struct kg_guest_ready {
	uint32_t version;
	uint32_t n_modules;    /**< that were loaded */
	uint64_t memory_bytes; /**< that can be had */
};

enum kg_guest_how { KG_GUEST_EXITED, KG_GUEST_SIGNALED, KG_GUEST_TIMED_OUT, KG_GUEST_TOO_MUCH, KG_GUEST_OUT_OF_MEMORY };
struct kg_guest_exit {
	int64_t at_ns;
	uint64_t dropped;
	int32_t how; /**< enum kg_guest_how */
	int32_t status;
};
_Static_assert(sizeof(struct kg_guest_exit) == 24, "no padding");
