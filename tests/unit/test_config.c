/* Where settings come from, which server they name together, and which key may go there. */
#include <kgent/config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char *file; /* a configuration file in a folder of its own */

static void write_file(const char *text, mode_t mode)
{
	assert_true(g_file_set_contents(file, text, -1, NULL));
	assert_int_equal(chmod(file, mode), 0);
}

static int setup(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("kgent-config-XXXXXX", NULL);

	file = g_build_filename(dir, "config.ini", NULL);
	return 0;
}

static int teardown(void **state)
{
	g_autofree char *dir = g_path_get_dirname(file);

	unlink(file);
	rmdir(dir);
	g_free(file);
	return 0;
}

static struct kg_config *open_with(const char *const *flags, const char *const *environment)
{
	static const char *const nothing[] = {NULL};
	const struct kg_config_opts opts = {.file = file, .flags = flags, .environment = environment ? environment : nothing};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_config *config = NULL;

	if (kg_config_open(&opts, &config, &err))
		print_message("%s\n", err.msg);
	assert_non_null(config);
	return config;
}

static void expect_server(const char *const *flags, const char *const *environment, const char *provider, const char *url, const char *model,
			  const char *key)
{
	struct kg_config *config = open_with(flags, environment);
	struct kg_config_server s = {0};

	assert_int_equal(kg_config_server(config, &s, NULL), 0);
	assert_string_equal(s.provider ?: "-", provider);
	assert_string_equal(s.base_url ?: "-", url);
	assert_string_equal(s.model ?: "-", model);
	assert_string_equal(s.key ?: "-", key);
	kg_config_free(config);
}

static void expect_error(const char *const *flags, const char *const *environment, int code, const char *says)
{
	static const char *const nothing[] = {NULL};
	const struct kg_config_opts opts = {.file = file, .flags = flags, .environment = environment ? environment : nothing};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_config_server s = {0};
	struct kg_config *config = NULL;

	int r = kg_config_open(&opts, &config, &err);
	r = r ? r : kg_config_server(config, &s, &err);
	assert_int_equal(r, -code);
	if (!strstr(err.msg, says))
		print_message("\"%s\" has no \"%s\" in it\n", err.msg, says);
	assert_non_null(strstr(err.msg, says));
	assert_null(strstr(err.msg, "sk-")); /* a key is never repeated */
	kg_config_free(config);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_order(void **state)
{
	write_file("[kgent]\ntrials = 5\nmodel = \"of the file\"\n", 0644);
	struct kg_config *config = open_with(LIST("trials", "2"), LIST("KGENT_TRIALS=4", "KGENT_MAX_TOKENS=77"));
	enum kg_origin_kind kind;

	assert_int_equal(kg_config_int(config, "trials"), 2);
	assert_string_equal(kg_config_where(config, "trials", &kind), "--trials");
	assert_int_equal(kind, KG_FROM_FLAG);
	assert_string_equal(kg_config_where(config, "max-tokens", &kind), "KGENT_MAX_TOKENS");
	assert_string_equal(kg_config_get(config, "model"), "of the file");
	assert_string_equal(kg_config_where(config, "model", &kind), file);
	assert_string_equal(kg_config_where(config, "engine", &kind), "default");
	assert_null(kg_config_get(config, "api-key"));
	kg_config_free(config);
}

static void test_server_of_one_place(void **state)
{
	write_file("", 0644);
	expect_server(NULL, NULL, "-", "-", "-", "-");
	expect_server(LIST("base-url", "http://h:1"), NULL, "openai", "http://h:1", "-", "-");
	expect_server(LIST("provider", "anthropic"), NULL, "anthropic", "https://api.anthropic.com", "-", "-");
	expect_server(LIST("base-url", "https://api.anthropic.com/v1"), NULL, "anthropic", "https://api.anthropic.com/v1", "-", "-");
	expect_server(LIST("provider", "command:llm -m x"), NULL, "command", "-", "-", "-");
	expect_server(NULL, LIST("ANTHROPIC_API_KEY=sk-a"), "anthropic", "https://api.anthropic.com", "-", "sk-a");
	expect_server(NULL, LIST("OPENAI_API_KEY=sk-o", "ANTHROPIC_API_KEY="), "openai", "https://api.openai.com/v1", "-", "sk-o");
	expect_server(NULL, LIST("OPENAI_API_KEY=sk-o", "OPENAI_BASE_URL=http://h/v1"), "openai", "http://h/v1", "-", "sk-o");
	expect_server(NULL, LIST("OLLAMA_HOST=0.0.0.0"), "openai", "http://127.0.0.1:11434", "-", "-");
	expect_server(NULL, LIST("OLLAMA_HOST=box:1234"), "openai", "http://box:1234", "-", "-");
	expect_server(NULL, LIST("OLLAMA_HOST=https://box"), "openai", "https://box:443", "-", "-");
	expect_server(NULL, LIST("OLLAMA_HOST=host80"), "openai", "http://host80:11434", "-", "-");
}

static void test_places_do_not_mix(void **state)
{
	write_file("[kgent]\nbase-url = http://local:1\nmodel = local\napi-key = sk-file\n", 0600);
	expect_server(NULL, NULL, "openai", "http://local:1", "local", "sk-file");
	/* another model of the same server */
	expect_server(LIST("model", "other"), NULL, "openai", "http://local:1", "other", "sk-file");
	/* the same address, written in another way */
	expect_server(LIST("base-url", "http://LOCAL:1/v1/"), NULL, "openai", "http://LOCAL:1/v1/", "local", "sk-file");
	/* another address: neither its model nor its key */
	expect_server(LIST("base-url", "http://local:2"), NULL, "openai", "http://local:2", "-", "-");
	expect_server(LIST("base-url", "https://local:1"), NULL, "openai", "https://local:1", "-", "-");
	expect_server(LIST("base-url", "http://local.evil.com:1"), NULL, "openai", "http://local.evil.com:1", "-", "-");
	/* another provider */
	expect_server(LIST("provider", "anthropic", "model", "c"), NULL, "anthropic", "https://api.anthropic.com", "c", "-");
	expect_server(LIST("provider", "anthropic"), LIST("ANTHROPIC_API_KEY=sk-a"), "anthropic", "https://api.anthropic.com", "-", "sk-a");
	expect_server(LIST("provider", "command:x"), NULL, "command", "-", "-", "-");
}

static void test_keys_stay_with_their_address(void **state)
{
	write_file("[kgent]\nbase-url = http://local:1\nmodel = m\n", 0644);
	/* a key of the environment alone is for what the file names */
	expect_server(NULL, LIST("KGENT_API_KEY=sk-e"), "openai", "http://local:1", "m", "sk-e");
	expect_server(LIST("base-url", "http://other"), LIST("KGENT_API_KEY=sk-e"), "openai", "http://other", "-", "-");
	expect_server(NULL, LIST("KGENT_API_KEY=sk-e", "KGENT_BASE_URL=http://e"), "openai", "http://e", "-", "sk-e");
	expect_server(LIST("base-url", "http://local:1"), LIST("KGENT_API_KEY=sk-e", "KGENT_BASE_URL=http://e"), "openai", "http://local:1", "m", "-");
	/* providers' own keys go to the providers */
	expect_server(NULL, LIST("OPENAI_API_KEY=sk-o"), "openai", "http://local:1", "m", "-");
	expect_server(LIST("base-url", "https://api.openai.com"), LIST("OPENAI_API_KEY=sk-o"), "openai", "https://api.openai.com", "-", "sk-o");
	expect_server(LIST("base-url", "http://api.openai.com"), LIST("OPENAI_API_KEY=sk-o"), "openai", "http://api.openai.com", "-", "-");
	write_file("", 0644);
	/* with nothing else, a key of the environment has no address */
	expect_server(LIST("base-url", "http://x"), LIST("KGENT_API_KEY=sk-e"), "openai", "http://x", "-", "-");
	expect_server(NULL, LIST("KGENT_API_KEY=sk-e", "KGENT_PROVIDER=anthropic"), "anthropic", "https://api.anthropic.com", "-", "sk-e");
}

static void test_key_text(void **state)
{
	write_file("[kgent]\nbase-url = http://local:1\napi-key = sk-file\n", 0600);
	struct kg_config *config = open_with(NULL, NULL);
	g_autofree char *set = kg_config_key_text(config);

	assert_string_equal(set, "set, for http://local:1");
	kg_config_free(config);
	config = open_with(LIST("base-url", "http://other"), NULL);
	g_autofree char *elsewhere = kg_config_key_text(config);
	assert_non_null(strstr(elsewhere, "not used"));
	kg_config_free(config);
}

static void test_refused(void **state)
{
	write_file("", 0644);
	expect_error(LIST("trials", "0"), NULL, KG_E_INVAL, "from 1 to 20");
	expect_error(LIST("trials", "3x"), NULL, KG_E_INVAL, "is not a number");
	expect_error(LIST("nothing", "1"), NULL, KG_E_INVAL, "there is no setting");
	expect_error(NULL, LIST("KGENT_ENGINE=gpt"), KG_E_INVAL, "KGENT_ENGINE");
	expect_error(NULL, LIST("KGENT_API_KEY=sk-a b"), KG_E_INVAL, "the key is not");
	expect_error(NULL, LIST("KGENT_API_KEY=sk-a\nX: y"), KG_E_INVAL, "the key is not");
	expect_error(NULL, LIST("OPENAI_API_KEY=sk-a\nX: y"), KG_E_INVAL, "the key is not");
	expect_error(LIST("base-url", "http://u:sk-p@h"), NULL, KG_E_INVAL, "may not hold a user");
	expect_error(LIST("base-url", "file:///etc/passwd"), NULL, KG_E_INVAL, "is no address");
	expect_error(LIST("base-url", "http://h/?key=1"), NULL, KG_E_INVAL, "is no address");
	expect_error(LIST("provider", "command: "), NULL, KG_E_INVAL, "no program");
	expect_error(LIST("temperature", "3"), NULL, KG_E_INVAL, "from 0 to 2");
	expect_error(LIST("max-cost", "nan"), NULL, KG_E_INVAL, "is not a number");
	expect_error(LIST("loopback-ports", "1,2,x"), NULL, KG_E_INVAL, "ports");
	expect_error(LIST("context", "10"), NULL, KG_E_INVAL, "too small");
}

static void test_file_refused(void **state)
{
	static const struct {
		const char *text, *says;
		int code;
		mode_t mode;
	} cases[] = {
		{"model = x\n", "is not of the form", KG_E_PARSE, 0644},
		{"[kgent]\nmodle = x\n", "there is no setting", KG_E_PARSE, 0644},
		{"[kgnt]\nmodel = x\n", "there is no section", KG_E_PARSE, 0644},
		{"[kgent]\ntrials = 99\n", "from 1 to 20", KG_E_PARSE, 0644},
		{"[kgent]\napi-key = sk-x\n", "others than its owner", KG_E_PERM, 0644},
		{"[kgent]\napi-key = sk-x\n", "others than its owner", KG_E_PERM, 0640},
		{"[kgent]\napi-key = sk-x\n", "others than its owner", KG_E_PERM, 0602},
		{"[kgent]\napi-key = sk-x\nbroken\n", "is not of the form", KG_E_PARSE, 0600},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		write_file(cases[i].text, cases[i].mode);
		expect_error(NULL, NULL, cases[i].code, cases[i].says);
	}
}

static void test_origins(void **state)
{
	static const struct {
		const char *url, *origin;
		gboolean is_loopback;
	} cases[] = {
		{"http://127.0.0.1:1/v1", "http://127.0.0.1:1", TRUE}, {"http://localhost", "http://localhost:80", TRUE},
		{"http://[::1]:5", "http://[::1]:5", TRUE}, {"https://Api.Example.com/", "https://api.example.com:443", FALSE},
		{"http://127.0.0.1.example.com", "http://127.0.0.1.example.com:80", FALSE}, {"ftp://x", NULL, FALSE}, {"x", NULL, FALSE},
		{"http://", NULL, FALSE}, {"http://a:b@127.0.0.1", NULL, FALSE}, {"http://a@127.0.0.1", NULL, FALSE}, {"", NULL, FALSE},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *origin = kg_config_url_origin(cases[i].url);
		assert_string_equal(origin ?: "-", cases[i].origin ?: "-");
		assert_int_equal(kg_config_url_is_loopback(cases[i].url), cases[i].is_loopback);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_server_of_one_place),
		cmocka_unit_test(test_places_do_not_mix),
		cmocka_unit_test(test_keys_stay_with_their_address),
		cmocka_unit_test(test_key_text),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_file_refused),
		cmocka_unit_test(test_origins),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
