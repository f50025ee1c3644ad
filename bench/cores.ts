import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Who runs where. Empty: wherever the system likes. */
export interface Cores {
  readonly proxy: readonly number[]
  /** Of the load and the origin. With too few cores it shares the proxy's last one. */
  readonly load: readonly number[]
}

/** The first `workers` cores for the proxy, the rest for the load. */
export function assignCores(workers: number, cores: readonly number[]): Cores {
  if (cores.length < 2) return { proxy: [], load: [] }
  const rest = cores.slice(workers)
  return { proxy: cores.slice(0, workers), load: rest.length > 0 ? rest : cores.slice(-1) }
}

/** The cores that this process may use; none where processes cannot be pinned. */
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

/** Moves this process, with all its threads, to these cores; what it starts from now on inherits them. */
export function moveTo(cores: readonly number[]): void {
  if (cores.length === 0) return
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores.join(','), String(process.pid)], {
    stdio: 'ignore',
  })
}

const TICKS_A_SECOND = 100

/** For how long these cores have been busy since the machine started, the host's own use of them included, in µs. */
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

/** One thread of load for each of its cores, though never many: they would only be idle. */
export function loadThreads({ load }: Cores): number {
  return Math.max(1, Math.min(4, load.length === 0 ? availableParallelism() - 1 : load.length - 1))
}
