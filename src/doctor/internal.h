/* One examination a file; each adds lines. */
#pragma once

#include <kgent/doctor.h>

void kg_doctor_kernel(struct kg_doctor *d, struct kg_profile *p);
void kg_doctor_kinds(struct kg_doctor *d, struct kg_profile *p);
void kg_doctor_privileges(struct kg_doctor *d);
void kg_doctor_tools(struct kg_doctor *d);
void kg_doctor_sandbox(struct kg_doctor *d);
void kg_doctor_data(struct kg_doctor *d, struct kg_profile *p);
void kg_doctor_models(struct kg_doctor *d, const char *ports);

/* "sudo apt-get install PACKAGE" in the words of this distribution, or NULL. Owned. */
char *kg_doctor_install(const char *package);
/* A small file of /proc or /sys without its last newline, or NULL with errno. Owned. */
char *kg_doctor_read(const char *path);
