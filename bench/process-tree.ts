import { readdirSync, readFileSync } from 'node:fs'

/** The memory of all processes of a tree together, in bytes. */
export interface Memory {
  /** Resident memory. Pages that several processes share count for each of them. */
  readonly resident: number
  /** Resident memory with shared pages counted once; the same as `resident` if the system does not report it. */
  readonly proportional: number
  /** Memory that is not mapped from files; shared pages counted once. */
  readonly anonymous: number
}

const PAGE = 4096
/** The unit of times in /proc; 100 on every Linux for which Node is built. */
const TICKS_A_SECOND = 100

/** The resource use of a process and all its descendants, from Linux's /proc. */
export class ProcessTree {
  static readonly available = process.platform === 'linux'
  readonly #root: number

  constructor(root: number) {
    this.#root = root
  }

  /** CPU time used so far by all threads, user and system, in µs. */
  cpu(): number {
    return sum(this.#pids(), (pid) => sum(threadsOf(pid), (thread) => threadTime(`/proc/${pid}/task/${thread}`)))
  }

  memory(): Memory {
    const pids = this.#pids()
    return {
      resident: sum(pids, residentMemory),
      proportional: sum(pids, proportionalMemory),
      anonymous: sum(pids, (pid) => kilobytesOf(pid, 'Pss_Anon') ?? 0) * 1024,
    }
  }

  resident(): number {
    return sum(this.#pids(), residentMemory)
  }

  #pids(): number[] {
    const children = Map.groupBy(numbersIn('/proc'), parentOf)
    const found = [this.#root]
    for (const pid of found) found.push(...(children.get(pid) ?? []))
    return found
  }
}

/** The processes that a process has started and that have not been waited for. */
export function childrenOf(pid: number): number[] {
  return numbersIn('/proc').filter((each) => parentOf(each) === pid)
}

/** Whether a process has not ended. */
export function isRunning(pid: number): boolean {
  const [state] = statFields(`/proc/${pid}`)
  return state !== undefined && state !== '' && state !== 'Z'
}

function threadTime(folder: string): number {
  const [nanoseconds] = read(`${folder}/schedstat`)?.split(' ') ?? []
  if (nanoseconds !== undefined) return Number(nanoseconds) / 1000
  const [user, system] = statFields(folder).slice(11, 13)
  return ((Number(user ?? 0) + Number(system ?? 0)) * 1e6) / TICKS_A_SECOND
}

function threadsOf(pid: number): number[] {
  return numbersIn(`/proc/${pid}/task`)
}

function parentOf(pid: number): number {
  return Number(statFields(`/proc/${pid}`)[1])
}

/** The fields of `stat` after the name, which may contain spaces and brackets. */
function statFields(folder: string): string[] {
  const stat = read(`${folder}/stat`) ?? ''
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function residentMemory(pid: number): number {
  return Number(read(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0) * PAGE
}

function proportionalMemory(pid: number): number {
  const kilobytes = kilobytesOf(pid, 'Pss')
  return kilobytes === undefined ? residentMemory(pid) : kilobytes * 1024
}

function kilobytesOf(pid: number, field: 'Pss' | 'Pss_Anon'): number | undefined {
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(read(`/proc/${pid}/smaps_rollup`) ?? '') ?? []
  return kilobytes === undefined ? undefined : Number(kilobytes)
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

/** Undefined if the process has ended, or the system does not have this file. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function sum<T>(values: readonly T[], amount: (value: T) => number): number {
  return values.reduce((total, value) => total + amount(value), 0)
}
