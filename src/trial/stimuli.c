/* Which stimuli there are: the program itself knows. */
#include <kgent/trial.h>

#include <kgent/child.h>
#include <kgent/paths.h>

int kg_stimuli_list(gboolean json, GString *out, struct kg_error *err)
{
	g_autofree char *path = kg_paths_program("kgent-stimulus");
	const char *const argv[] = {path, "list", json ? "--json" : NULL, NULL}, *const env[] = {NULL};
	struct kg_child_opts opts = {.argv = argv, .env = env};
	struct kg_child child = KG_CHILD_INIT;
	g_autoptr(GString) errors = g_string_new(NULL);
	enum kg_child_end end;

	if (!path)
		return kg_error_set(err, KG_E_TOOL, "trial", "the program kgent-stimulus is not there: it belongs to kgent's installation");
	int code = kg_child_start(&opts, &child, NULL, err);
	if (code)
		return code;
	end = kg_child_collect(&child, 10000, 1u << 20, out, errors);
	kg_child_end(&child);
	return end == KG_CHILD_EXITED ? 0 : kg_error_set(err, KG_E_TOOL, "trial", "%s does not run", path);
}
