import { readdirSync, readFileSync } from 'node:fs'

/** Bytes, of all processes of a tree together. */
export interface Memory {
  /** Resident, pages that several processes share counted for each. */
  readonly resident: number
  /** Shared pages counted once; as `resident` where the system does not tell. */
  readonly proportional: number
  /** What the processes have written themselves, rather than mapped from files; shared pages counted once. */
  readonly anonymous: number
}

const PAGE = 4096
/** Of the fields that count in ticks; 100 on every Linux for which Node is built. */
const TICKS_A_SECOND = 100

/** A process with all its descendants, as Linux accounts for them. */
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

/** The fields of `stat` that follow the name, which may hold spaces and brackets. */
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

/** Undefined for a process that has gone, or a file that this system does not have. */
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
