#include "fcgi_host/worker/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/cgi/route.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/worker/away.h"
#include "fcgi_host/worker/handover.h"
#include "fcgi_host/worker/live_streams.h"
#include "fcgi_host/worker/scripts.h"
#include "fcgi_host/worker/status_requests.h"
#include "fcgi_host/worker/submit.h"

static void hand_over(const struct dispatch *dispatch, const struct route *route,
                      struct request *request) {
    bool is_script = route->kind == ROUTE_SCRIPT;
    size_t place = applications_place(dispatch->applications, is_script ? NULL : route->app);
    if (away_is(dispatch->away, place, route->script)) {
        away_pass(dispatch->away, place, route->script, request);
    } else if (is_script ? !dispatch->applications->scripts
                         : !applications_at(dispatch->applications, place)) {
        /* Of a configuration that is not this worker's: the next one serves it. */
        if (!intake_bequeath_request(dispatch->handover->intake, request)) {
            reply_status(request, "503 Service Unavailable", SUBMIT_RETRY_AFTER_S, NULL);
        }
    } else if (is_script) {
        scripts_submit(dispatch->applications->scripts, route->script, request);
    } else {
        submit_request(applications_at(dispatch->applications, place), request);
    }
}

void dispatch_request(const struct dispatch *dispatch, struct request *request) {
    struct route route;
    router_route(dispatch->applications->router, request, route_resolve_script, &route);
    request->script_name = route.script_name;
    request->path_info = route.path_info;
    request->path_storage = route.path_storage;
    switch (route.kind) {
    case ROUTE_APPLICATION:
    case ROUTE_SCRIPT:
        hand_over(dispatch, &route, request);
        break;
    case ROUTE_STATUS:
        status_requests_ask(dispatch->status_requests, request);
        break;
    case ROUTE_PING:
        request->account.is_probe = true;
        reply_text(request, "200 OK", "pong");
        break;
    case ROUTE_READY:
        request->account.is_probe = true;
        status_requests_ask_ready(dispatch->status_requests, request);
        break;
    case ROUTE_LIVE:
        live_streams_open(dispatch->live_streams, request);
        break;
    case ROUTE_LIVE_SCRIPT:
        reply_content(request, "text/javascript; charset=utf-8", live_page_script(),
                      strlen(live_page_script()));
        break;
    case ROUTE_NONE:
        reply_status(request, request->role == ROLE_AUTHORIZER ? "403 Forbidden" : "404 Not Found",
                     NULL, NULL);
        break;
    }
    free(route.script);
}
