/* Somebody who is told, by a webhook. */
#pragma once
#include "analyzers/notify/message.h"
#include "lib/base/yaml_tree.h"

typedef struct {
    char *name;    /* said, and what the state knows it by */
    char *url;     /* a secret: never said */
    GStrv headers; /* "Name: value" of each request beside its type; secrets too */
    MessageForm form;
    Severity severity_min; /* milder changes are not told */
} Receiver;

void receiver_free(Receiver *receiver);
/* One of a configuration file; errors name the line. Files that it names are read. */
Receiver *receiver_read(YamlTree *tree, const YamlNode *node, GError **error);
/* Sets the form by its name, which for "auto" is told by the URL. At Discord's address for messages
 * in Slack's form (docs.discord.com/developers, "Execute Slack-Compatible Webhook") that for its
 * own form is taken instead. INVALID_ARGUMENT when there is no such form. */
bool receiver_choose_form(Receiver *receiver, const char *form, GError **error);
/* As secret_file_read; `what` names the key or the option of the path in errors. */
char *receiver_read_secret(const char *path, const char *what, GError **error);

/* YamlReadFunc of a Severity. */
bool receiver_read_severity(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                            GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Receiver, receiver_free)
