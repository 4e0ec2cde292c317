/* Open, ask and close a profile: see include/kgent/profile.h. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void source_free(gpointer data)
{
	struct kg_source *s = data;

	g_free(s->why);
	g_free(s->cost);
	g_free(s->mend);
	g_free(s);
}

static void fields_unref(gpointer fields)
{
	if (fields)
		g_ptr_array_unref(fields);
}

static void btf_free(gpointer b)
{
	kg_btf_free(b);
}

struct kg_profile *kg_profile_new(void)
{
	struct kg_profile *p = g_new0(struct kg_profile, 1);

	p->sources = g_ptr_array_new_with_free_func(source_free);
	p->modules = g_ptr_array_new_with_free_func(g_free);
	p->module_btf = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, btf_free);
	p->fields = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, fields_unref);
	p->members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, fields_unref);
	p->strings = g_string_chunk_new(4096);
	return p;
}

struct kg_profile *kg_profile_free(struct kg_profile *p)
{
	if (!p)
		return NULL;
	for (int i = 0; i < KG_TEXTS; i++)
		g_clear_pointer(&p->texts[i], g_bytes_unref);
	for (int i = 0; i < KG_FEATURES; i++)
		g_free(p->features[i].why);
	for (int i = 0; i < KG_PROBE_KINDS; i++)
		g_free(p->kind_why[i]);
	kg_index_free(p->formats);
	kg_index_free(p->functions);
	kg_index_free(p->untraceable);
	kg_index_free(p->ambiguous);
	kg_index_free(p->nokprobe);
	g_hash_table_unref(p->module_btf); /* before the BTF that it builds upon */
	kg_btf_free(p->btf);
	g_hash_table_unref(p->fields);
	g_hash_table_unref(p->members);
	g_clear_pointer(&p->enumerators, g_hash_table_unref);
	g_ptr_array_unref(p->sources);
	g_ptr_array_unref(p->modules);
	g_string_chunk_free(p->strings);
	g_free(p->points);
	g_free(p->release);
	g_free(p->version);
	g_free(p->arch);
	g_free(p->made);
	g_free(p->dir);
	g_free(p->tracefs);
	g_free(p);
	return NULL;
}

static struct kg_source *find_source(const struct kg_profile *p, const char *name)
{
	for (guint i = 0; i < p->sources->len; i++) {
		struct kg_source *s = g_ptr_array_index(p->sources, i);

		if (!strcmp(s->name, name))
			return s;
	}
	return NULL;
}

const struct kg_source *kg_profile_source(const struct kg_profile *p, const char *name)
{
	return find_source(p, name);
}

struct kg_source *kg_source_get(struct kg_profile *p, const char *name)
{
	struct kg_source *s = find_source(p, name);

	if (s)
		return s;
	s = g_new0(struct kg_source, 1);
	s->name = kg_profile_str(p, name);
	s->state = KG_SOURCE_MISSING;
	g_ptr_array_add(p->sources, s);
	return s;
}

void kg_source_set(struct kg_profile *p, const char *name, enum kg_source_state state, unsigned n, const char *why,
		   const char *cost, const char *mend)
{
	struct kg_source *s = kg_source_get(p, name);
	/* The new texts may be the old ones. */
	char *w = g_strdup(why), *c = g_strdup(cost), *m = g_strdup(mend);

	g_free(s->why);
	g_free(s->cost);
	g_free(s->mend);
	s->state = state;
	s->n = n;
	s->why = w;
	s->cost = c;
	s->mend = m;
}

const char *kg_profile_str(struct kg_profile *p, const char *s)
{
	return g_string_chunk_insert_const(p->strings, s);
}

GPtrArray *kg_fields_new(void)
{
	return g_ptr_array_new_with_free_func(g_free);
}

guint64 kg_hash64(const void *data, gsize len, guint64 seed)
{
	const unsigned char *d = data;
	guint64 h = seed ^ (len * 0x9e3779b97f4a7c15u);

	for (; len >= 8; len -= 8, d += 8) {
		guint64 w;

		memcpy(&w, d, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	for (; len; len--, d++)
		h = (h ^ *d) * 0x100000001b3u;
	h ^= h >> 29;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ (h >> 32);
}

GBytes *kg_read_file(const char *path, gsize max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return NULL;
	gsize room = 1 << 16, n = 0;
	char *buf = g_malloc(room);

	for (;;) {
		if (n == room)
			buf = g_realloc(buf, room *= 2);
		ssize_t got = read(fd, buf + n, room - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (got > 0 && n + (gsize)got > max)) {
			int e = got < 0 ? errno : EFBIG;

			g_free(buf);
			close(fd);
			errno = e;
			return NULL;
		}
		if (!got)
			break;
		n += (gsize)got;
	}
	close(fd);
	return g_bytes_new_take(buf, n);
}

static int open_running(struct kg_profile *p, const struct kg_profile_opts *opts, struct kg_error *err)
{
	struct utsname u;

	if (uname(&u) < 0)
		return kg_error_set(err, KG_E_IO, STAGE, "the kernel does not tell its release: %s", g_strerror(errno));
	p->is_running = TRUE;
	p->release = g_strdup(u.release);
	p->version = g_strdup(u.version);
	p->arch = g_strdup(u.machine);
	if (!opts->refresh && !kg_cache_open(p, opts))
		return 0;
	kg_gather(p, opts);
	kg_cache_write(p, opts);
	return 0;
}

int kg_profile_open(const struct kg_profile_opts *opts, struct kg_profile **ret, struct kg_error *err)
{
	static const struct kg_profile_opts none;
	struct kg_profile *p = kg_profile_new();

	opts = opts ? opts : &none;
	int r = opts->dir ? kg_saved_open(p, opts->dir, FALSE, err) : open_running(p, opts, err);

	if (r < 0) {
		kg_profile_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int kg_profile_save(struct kg_profile *p, const char *dir, struct kg_error *err)
{
	return kg_saved_write(p, dir, TRUE, err);
}

const char *kg_profile_release(const struct kg_profile *p)
{
	return p->release;
}

const char *kg_profile_arch(const struct kg_profile *p)
{
	return p->arch;
}

gboolean kg_profile_is_running(const struct kg_profile *p)
{
	return p->is_running;
}

const GPtrArray *kg_profile_sources(const struct kg_profile *p)
{
	return p->sources;
}
