#include "fcgi_host/worker/dispatch.h"

#include <stdlib.h>

#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/cgi/route.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/worker/scripts.h"
#include "fcgi_host/worker/status_requests.h"
#include "fcgi_host/worker/submit.h"

void dispatch_request(const struct dispatch *dispatch, struct request *request) {
    struct route route;
    router_route(dispatch->applications->router, request, route_resolve_script, &route);
    request->script_name = route.script_name;
    request->path_info = route.path_info;
    request->path_storage = route.path_storage;
    switch (route.kind) {
    case ROUTE_APPLICATION:
        submit_request(applications_of(dispatch->applications, route.app), request);
        break;
    case ROUTE_SCRIPT:
        scripts_submit(dispatch->applications->scripts, route.script, request);
        break;
    case ROUTE_STATUS:
        status_requests_ask(dispatch->status_requests, request);
        break;
    case ROUTE_NONE:
        reply_status(request, request->role == ROLE_AUTHORIZER ? "403 Forbidden" : "404 Not Found",
                     NULL, NULL);
        break;
    }
    free(route.script);
}
