import { readFileSync, readlinkSync } from 'node:fs'

/** A process, as another one can tell whether it is still there: ids alone are given to others once it has ended. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it began, in ticks since the system did; empty where the system does not say. */
  readonly began: string
  /** Which boot of the system, and which container's ids: in another one, the same id is another process. */
  readonly boot: string
  readonly namespace: string
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, began: beginOf(process.pid), boot: bootOfSystem(), namespace: ownNamespace() }
}

/** Whether a process is certainly no more. Of one in another container nobody can tell. */
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

/** The 22nd field of Linux's /proc/PID/stat (proc_pid_stat); the second is a name in parentheses, which may hold anything. */
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
