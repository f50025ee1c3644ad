import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** The cores for the proxy and for the load. Empty: not pinned. */
export interface Cores {
  readonly proxy: readonly number[]
  /** The cores of the load and the origin. If there are too few, they share the proxy's last core. */
  readonly load: readonly number[]
}

/** The first `workers` cores for the proxy, the rest for the load. */
export function assignCores(workers: number, cores: readonly number[]): Cores {
  if (cores.length < 2) return { proxy: [], load: [] }
  const rest = cores.slice(workers)
  return { proxy: cores.slice(0, workers), load: rest.length > 0 ? rest : cores.slice(-1) }
}

/** The cores that this process may use; none if processes cannot be pinned. */
export function usableCores(): number[] {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return parseCoreList(list)
  } catch {
    return []
  }
}

/** `0,2-4` is 0, 2, 3, 4. */
export function parseCoreList(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/** Moves this process, with all its threads, to these cores. Processes that it starts later inherit them. */
export function moveTo(cores: readonly number[]): void {
  if (cores.length === 0) return
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores.join(','), String(process.pid)], {
    stdio: 'ignore',
  })
}

const TICKS_A_SECOND = 100

/** How long these cores were busy since the machine started, including use by the host of a virtual machine, in µs. */
export function busyTime(cores: readonly number[]): number {
  const stat = readFileSync('/proc/stat', 'utf8')
  const ticks = cores.map((core) => {
    const [user, nice, system, , , interrupts, softInterrupts, stolen] = (
      new RegExp(`^cpu${core} (.*)$`, 'm').exec(stat)?.[1] ?? ''
    )
      .split(' ')
      .map(Number)
    return [user, nice, system, interrupts, softInterrupts, stolen].reduce<number>((sum, each = 0) => sum + each, 0)
  })
  return (ticks.reduce((sum, each) => sum + each, 0) * 1e6) / TICKS_A_SECOND
}

/** The number of threads of the load: one per core, and at most 4, because more would be idle. */
export function loadThreads({ load }: Cores): number {
  return Math.max(1, Math.min(4, load.length === 0 ? availableParallelism() - 1 : load.length - 1))
}
