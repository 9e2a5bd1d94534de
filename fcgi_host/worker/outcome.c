#include "fcgi_host/worker/outcome.h"

#include <time.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/worker/submit.h"
#include "pool/pool.h"

void outcome_failed(const struct channel_end *supervisor, struct application *application,
                    const struct error *err) {
    const struct log_about about = {.app = application->config->name};
    application_set_failure(application, err);
    if (err->code != ERR_REFUSED) {
        submit_stays(application);
    }
    if (application->pool_app) {
        pool_app_set_failed(application->pool_app, err);
    }
    channel_tell(supervisor, &(struct channel_outgoing){.type = CHANNEL_FAILED,
                                                        .number = error_is_in_use(err),
                                                        .name = application->config->name,
                                                        .text = err->text});
    if (err->code != ERR_REFUSED) { /* a refused one is tried in another interpreter, then logged */
        log_line(LOG_ERROR, "app.failed", &about, "%s", err->text);
    }
}

void outcome_loaded(const struct channel_end *supervisor, struct application *application,
                    const struct generation *generation) {
    const struct log_about about = {
        .app = application->config->name,
        .generation = generation_number(generation),
    };
    double load_ms = generation_load_ms(generation);
    application_set_failure(application, NULL);
    application_set_serving(application, about.generation, load_ms, time(NULL));
    channel_tell(supervisor, &(struct channel_outgoing){.type = CHANNEL_APP_LOADED,
                                                        .name = application->config->name});
    log_line(LOG_INFO, "app.loaded", &about, "%s in interpreter %s, %.1f ms",
             application->config->file, pool_interpreter_name(generation_interpreter(generation)),
             load_ms);
}
