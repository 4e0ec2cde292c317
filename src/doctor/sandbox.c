/* Virtual machines: what other kernels are checked and tried in. None is needed to ask about this machine. */
#include "internal.h"

#include <kgent/kernels.h>
#include <kgent/sandbox.h>

static const char section[] = "sandbox";

static void add_tools(struct kg_doctor *d)
{
	_cleanup_error_ struct kg_error err = {0};

	if (kg_sandbox_possible(&err))
		kg_doctor_add(d, section, "virtual machines", KG_DOCTOR_NOTE, err.msg, "programs can't be checked for other kernels, nor tried in a "
			      "virtual machine", err.hint);
	else
		kg_doctor_add(d, section, "virtual machines", KG_DOCTOR_OK, "QEMU, busybox and bpftrace are there", NULL, NULL);
}

static void add_kvm(struct kg_doctor *d)
{
	g_autofree char *why = NULL;
	enum kg_kvm_state state = kg_kvm_state(NULL, &why);
	gboolean is_good = state == KG_KVM_WORKS, is_open = state == KG_KVM_UNTRIED;

	kg_doctor_add(d, section, "KVM", is_good ? KG_DOCTOR_OK : KG_DOCTOR_NOTE,
		      is_good ? "works" : is_open ? "/dev/kvm is there; whether it works is found out with the first kernel" : why,
		      is_good || is_open ? NULL : "virtual machines are emulated, which is some ten times slower",
		      state == KG_KVM_FORBIDDEN ? "sudo usermod -aG kvm $USER, and log in again" : NULL);
}

static void add_kernels(struct kg_doctor *d)
{
	g_autoptr(GPtrArray) all = NULL;
	g_autoptr(GString) names = g_string_new(NULL);
	_cleanup_error_ struct kg_error err = {0};

	if (kg_kernels_list(NULL, &all, &err)) {
		kg_doctor_add(d, section, "kernels", KG_DOCTOR_NOTE, err.msg, NULL, NULL);
		return;
	}
	for (guint i = 0; i < all->len; i++)
		g_string_append_printf(names, "%s%s", i ? ", " : "", ((struct kg_kernel *)all->pdata[i])->name);
	kg_doctor_add(d, section, "kernels", all->len ? KG_DOCTOR_OK : KG_DOCTOR_NOTE, all->len ? names->str : "none yet", NULL,
		      all->len ? NULL : "kgent kernel add latest");
}

void kg_doctor_sandbox(struct kg_doctor *d)
{
	add_tools(d);
	add_kvm(d);
	add_kernels(d);
}
