import { readFileSync, readlinkSync } from 'node:fs'

/** Identifies a process, so that another one can tell whether it still runs: a process id alone is reused. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in clock ticks since the system's start; empty if the system does not say. */
  readonly began: string
  /** The boot of the system, and the namespace of process ids: under another, the same id is another process. */
  readonly boot: string
  readonly namespace: string
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, began: beginOf(process.pid), boot: bootOfSystem(), namespace: ownNamespace() }
}

/** Whether a process has certainly ended. False for one in another container, whose state is unknown. */
export function hasEnded({ pid, began, boot, namespace }: ProcessIdentity): boolean {
  if (boot !== bootOfSystem()) return true
  if (namespace !== ownNamespace()) return false
  if (began !== '') return beginOf(pid) !== began
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/**
 * The start time: the 22nd field of Linux's /proc/PID/stat (proc_pid_stat). The second field is a name in parentheses,
 * which may contain anything.
 */
function beginOf(pid: number): string {
  const stat = orEmpty(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function bootOfSystem(): string {
  return orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim())
}

function ownNamespace(): string {
  return orEmpty(() => readlinkSync('/proc/self/ns/pid'))
}

function orEmpty(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
