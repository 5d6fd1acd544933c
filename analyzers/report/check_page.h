/* What a check looks for, in Markdown, from its row. */
#pragma once
#include "analyzers/checks/check.h"

/* The page of docs/checks; free with g_free. */
char *check_page(const CheckRow *row);
/* The list of all of them. */
char *check_page_list(void);
