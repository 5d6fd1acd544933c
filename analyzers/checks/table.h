/* The tables of the topics, each in a file of its own. Internal to analyzers/checks. */
#pragma once
#include "analyzers/checks/check.h"

typedef struct {
    const CheckRow *rows;
    size_t n;
} CheckTopic;

extern const CheckTopic check_topic_alloy;
extern const CheckTopic check_topic_argo;
extern const CheckTopic check_topic_attachment;
extern const CheckTopic check_topic_autoscaler;
extern const CheckTopic check_topic_budget;
extern const CheckTopic check_topic_ceph;
extern const CheckTopic check_topic_certificate;
extern const CheckTopic check_topic_claim;
extern const CheckTopic check_topic_claim_state;
extern const CheckTopic check_topic_controller;
extern const CheckTopic check_topic_copies;
extern const CheckTopic check_topic_crash;
extern const CheckTopic check_topic_creation;
extern const CheckTopic check_topic_cronjob;
extern const CheckTopic check_topic_custom;
extern const CheckTopic check_topic_daemonset;
extern const CheckTopic check_topic_definition;
extern const CheckTopic check_topic_denial;
extern const CheckTopic check_topic_deployment;
extern const CheckTopic check_topic_dns;
extern const CheckTopic check_topic_ended_pod;
extern const CheckTopic check_topic_flux;
extern const CheckTopic check_topic_gateway;
extern const CheckTopic check_topic_image;
extern const CheckTopic check_topic_ingress;
extern const CheckTopic check_topic_ingress_backend;
extern const CheckTopic check_topic_job;
extern const CheckTopic check_topic_lease;
extern const CheckTopic check_topic_namespace;
extern const CheckTopic check_topic_node;
extern const CheckTopic check_topic_node_state;
extern const CheckTopic check_topic_operator;
extern const CheckTopic check_topic_pod_setting;
extern const CheckTopic check_topic_pod_state;
extern const CheckTopic check_topic_policy_caller;
extern const CheckTopic check_topic_policy_dns;
extern const CheckTopic check_topic_policy_rule;
extern const CheckTopic check_topic_policy_selector;
extern const CheckTopic check_topic_policy_service;
extern const CheckTopic check_topic_preparation;
extern const CheckTopic check_topic_probe;
extern const CheckTopic check_topic_quota;
extern const CheckTopic check_topic_reference;
extern const CheckTopic check_topic_rights;
extern const CheckTopic check_topic_route;
extern const CheckTopic check_topic_scheduling;
extern const CheckTopic check_topic_service;
extern const CheckTopic check_topic_service_kind;
extern const CheckTopic check_topic_service_port;
extern const CheckTopic check_topic_size;
extern const CheckTopic check_topic_stall;
extern const CheckTopic check_topic_start;
extern const CheckTopic check_topic_statefulset;
extern const CheckTopic check_topic_storage_class;
extern const CheckTopic check_topic_unready;
extern const CheckTopic check_topic_velero;
extern const CheckTopic check_topic_volume;
extern const CheckTopic check_topic_webhook;
