import { existsSync, readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Limpet } from './limpet.ts'

const SERVES = /process (\d+) serves from now on/

/** Has the Limpet that serves now replace its program; resolves to the new process's id. That one ends with the test. */
export async function upgrade(t: TestContext, { process: first, errors }: Limpet): Promise<number> {
  const before = errors.all.flatMap((line) => SERVES.exec(line)?.[1] ?? [])
  process.kill(Number(before.at(-1) ?? first.pid), 'SIGUSR2')
  const lines = await errors.matching(SERVES, before.length + 1)
  const pid = Number(SERVES.exec(lines.at(-1)!)![1])
  t.after(() => {
    if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  })
  return pid
}

/** Whether there is such a process, on Linux. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return existsSync(`/proc/${pid}`)
  }
}

export async function ended(pid: number): Promise<void> {
  while (isRunning(pid)) await pause(5)
}

/** Processes are looked up in /proc. */
export const onLinux = { skip: process.platform === 'linux' ? false : '/proc tells which processes run, on Linux only' }
