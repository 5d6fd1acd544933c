/* The bundle of the web interface, as read-only data of the program. */
    .section .rodata
    .balign 16
    .globl cresset_web_resource_data
    .hidden cresset_web_resource_data
cresset_web_resource_data:
    .incbin CRESSET_WEB_BUNDLE
    .section .note.GNU-stack,"",@progbits
