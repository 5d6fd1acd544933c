/* The options that a program runs with, as the YAML file that would set them. */
#pragma once
#include "lib/base/option.h"
#include "lib/base/yaml_writer.h"

/* In place of what nobody is shown. */
#define OPTION_REDACTED "[redacted]"

/* Writes the value of one row; of a URL without user, password and query. */
void option_yaml_write_value(const OptionRow *row, const void *config, YamlWriter *writer);

/* The document: every option, or only those whose value is another than in `other` (NULL: every
 * one). Values of the table's secrets are OPTION_REDACTED. */
GBytes *option_yaml(const OptionTable *table, const void *config, const void *other);
