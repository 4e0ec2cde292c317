/*
 * Units: the one list. What a value means decides what can be done with it: bytes can be summed, ports cannot.
 */
#include <kgent/card.h>

#include <string.h>

enum unit_class { UNIT_NAME, UNIT_NUMBER, UNIT_TEXT };

static const struct {
	const char *name;
	enum unit_class class;
} units[KG_UNITS] = {
	[KG_UNIT_NONE] = {"number", UNIT_NUMBER},
	[KG_UNIT_BYTES] = {"bytes", UNIT_NUMBER},
	[KG_UNIT_PAGES] = {"pages", UNIT_NUMBER},
	[KG_UNIT_SECTORS] = {"sectors", UNIT_NUMBER},
	[KG_UNIT_NS] = {"ns", UNIT_NUMBER},
	[KG_UNIT_US] = {"us", UNIT_NUMBER},
	[KG_UNIT_MS] = {"ms", UNIT_NUMBER},
	[KG_UNIT_PORT] = {"port", UNIT_NAME},
	[KG_UNIT_IP] = {"ip", UNIT_NAME},
	[KG_UNIT_STRING] = {"string", UNIT_TEXT},
	[KG_UNIT_PATH] = {"path", UNIT_TEXT},
	[KG_UNIT_ERRNO] = {"errno", UNIT_NAME},
	[KG_UNIT_SYSCALL] = {"syscall", UNIT_NAME},
	[KG_UNIT_SIGNAL] = {"signal", UNIT_NAME},
	[KG_UNIT_PID] = {"pid", UNIT_NAME},
	[KG_UNIT_TID] = {"tid", UNIT_NAME},
	[KG_UNIT_UID] = {"uid", UNIT_NAME},
	[KG_UNIT_GID] = {"gid", UNIT_NAME},
	[KG_UNIT_CPU] = {"cpu", UNIT_NAME},
	[KG_UNIT_DEV] = {"dev", UNIT_NAME},
	[KG_UNIT_STACK] = {"stack", UNIT_NAME},
	[KG_UNIT_SYMBOL] = {"symbol", UNIT_NAME},
	[KG_UNIT_FLAGS] = {"flags", UNIT_NAME},
	[KG_UNIT_ADDRESS] = {"address", UNIT_NAME},
	[KG_UNIT_CGROUP] = {"cgroup", UNIT_NAME},
	[KG_UNIT_BOOL] = {"bool", UNIT_NAME},
	[KG_UNIT_HZ] = {"khz", UNIT_NUMBER},
	[KG_UNIT_PERCENT] = {"percent", UNIT_NUMBER},
};

const char *kg_unit_name(enum kg_unit unit)
{
	return (unsigned)unit < KG_UNITS ? units[unit].name : "?";
}

enum kg_unit kg_unit_parse(const char *name)
{
	for (unsigned i = 0; name && i < KG_UNITS; i++)
		if (strcmp(units[i].name, name) == 0)
			return (enum kg_unit)i;
	return KG_UNITS;
}

gint64 kg_unit_ns(enum kg_unit unit)
{
	return unit == KG_UNIT_US ? 1000 : unit == KG_UNIT_MS ? 1000000 : 1;
}

gboolean kg_unit_is_number(enum kg_unit unit)
{
	return (unsigned)unit < KG_UNITS && units[unit].class == UNIT_NUMBER;
}

gboolean kg_unit_is_text(enum kg_unit unit)
{
	return (unsigned)unit < KG_UNITS && units[unit].class == UNIT_TEXT;
}
