#include <stdio.h>
int main(void) { puts("kgent"); return 0; }
