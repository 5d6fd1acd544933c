/* The web interface: files embedded in the program, and its start page for every deep link. */
#pragma once
#include "server/api/api.h"

void web_handle(HttpRequest *request, void *api);
/* Where Pyroscope has had its interface: leads to the start page. */
void web_handle_ui(HttpRequest *request, void *api);
