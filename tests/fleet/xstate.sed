# User-Mode Linux before 6.13 keeps no more of a process's extended registers (xsave) than 2696 bytes, and across its
# signal handlers 832. A processor with AMX has 11008: the host refuses a part (PTRACE_SETREGSET: EFAULT).
# 12288 bytes hold all that exist; of these as many are kept, here and in the frame of a signal, as the host has.
s/DEFINE_LONGS(HOST_FP_SIZE, 2696)/DEFINE_LONGS(HOST_FP_SIZE, 12288)/
s/^\(static \)\?int have_xstate_support;/&\nunsigned long xstate_bytes = sizeof(struct _fpstate);/
s/^\(\t*\)have_xstate_support = 1;/\1xstate_bytes = iov.iov_len, have_xstate_support = 1;/
s/^static int copy_sc_from_user/extern unsigned long xstate_bytes;\n\n&/
s/sizeof(struct _xstate)/xstate_bytes/
s/stack_top - sizeof(struct rt_sigframe)/stack_top - offsetof(struct rt_sigframe, fpstate) - xstate_bytes/
