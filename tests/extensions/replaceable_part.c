/** A library that an extension brings. */
int replaceable_part(void);

__attribute__((visibility("default"))) int replaceable_part(void) {
    return VERSION;
}
