/* The interpreters that are recycled, and the applications of each. */
#include "fcgi_host/recycle/recycle_internal.h"

struct recyclable *recycle_find_locked(struct recycle *recycle,
                                       const struct pool_interpreter *interpreter) {
    struct recyclable *recyclable = recycle->first;
    while (recyclable && recyclable->interpreter != interpreter) {
        recyclable = recyclable->next;
    }
    return recyclable;
}

struct recyclable *recycle_find(struct recycle *recycle,
                                const struct pool_interpreter *interpreter) {
    if (!recycle) {
        return NULL;
    }
    pthread_mutex_lock(&recycle->lock);
    struct recyclable *recyclable = recycle_find_locked(recycle, interpreter);
    pthread_mutex_unlock(&recycle->lock);
    return recyclable;
}

size_t recycle_application_count(const struct recyclable *recyclable) {
    return pool_interpreter_app_count(recyclable->interpreter);
}

struct application *recycle_application(const struct recyclable *recyclable, size_t index) {
    return pool_app_user(pool_interpreter_app(recyclable->interpreter, index));
}
