#include "fcgi_host/commands/audit_repeat.h"

#include <string.h>

/** @return the verdict on an extension that one run has seen; clean: it has seen none of it */
static enum stale_verdict verdict_on(const struct audit_result *result, const char *module) {
    for (size_t i = 0; i < result->extension_count; i++) {
        if (strcmp(result->extensions[i].module, module) == 0) {
            return result->extensions[i].verdict;
        }
    }
    return VERDICT_CLEAN;
}

static bool has_same_verdicts(const struct audit_result *one, const struct audit_result *other) {
    for (size_t i = 0; i < one->extension_count; i++) {
        if (verdict_on(other, one->extensions[i].module) != one->extensions[i].verdict) {
            return false;
        }
    }
    return true;
}

static bool is_same_placement(const struct audit_result *one, const struct audit_result *other) {
    return one->placement && other->placement ? strcmp(one->placement, other->placement) == 0
                                              : one->placement == other->placement;
}

static bool says_the_same(const struct audit_result *one, const struct audit_result *other) {
    return is_same_placement(one, other) && one->is_recyclable == other->is_recyclable &&
           has_same_verdicts(one, other) && has_same_verdicts(other, one);
}

/** How much was found: a target that does not load, what belongs in main, a kept interpreter. */
static int badness(const struct audit_result *result) {
    const struct audit_extension *worst = audit_result_worst(result);
    enum { KEPT = 1, MAIN, NOWHERE = MAIN + VERDICT_CRASHES + 1 };
    if (!result->placement) {
        return NOWHERE;
    }
    if (audit_run_is_main(result)) {
        return MAIN + (worst ? (int)worst->verdict : 0);
    }
    return result->is_recyclable ? 0 : KEPT;
}

int audit_repeat(struct audit_result *ret_result, const struct audit_order *order, unsigned runs,
                 struct error *err) {
    const char *target = ret_result->target;
    bool is_unsteady = false;
    if (audit_run_target(ret_result, order, err) != 0) {
        return -1;
    }
    for (unsigned i = 1; i < runs; i++) {
        struct audit_result next = {.target = target};
        if (audit_run_target(&next, order, err) != 0) {
            audit_result_clear(&next);
            return -1;
        }
        is_unsteady |= !says_the_same(ret_result, &next);
        if (badness(&next) > badness(ret_result)) {
            struct audit_result before = *ret_result;
            *ret_result = next;
            next = before;
        }
        audit_result_clear(&next);
    }
    ret_result->run_count = runs;
    ret_result->is_unsteady = is_unsteady;
    return 0;
}
