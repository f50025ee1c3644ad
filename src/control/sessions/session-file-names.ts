import { createHash, randomBytes } from 'node:crypto'
import type { ListeningPlace } from '../../runtime/snapshot.ts'
import type { StateDirectory } from '../state/state-directory.ts'

/** The longest start of a name; a file system allows 255 bytes in all. */
const LONGEST_START = 100

/**
 * The names of session files: `sessions-INSTANCE~RUN`, one for each run. Files of earlier versions are named after the
 * listeners: `sessions-ADDRESS-PORT~RUN`, or without a run in the first version.
 */
export class SessionFileNames {
  /** The file of this run. Names of one instance are in the order in which their runs began. */
  readonly own: string
  readonly #directory: StateDirectory
  readonly #start: string
  readonly #former: string

  constructor(directory: StateDirectory, instance: string, listeners: readonly ListeningPlace[]) {
    this.#directory = directory
    this.#start = startOf(instance)
    this.#former = startOf(listeners.map(nameOf).join(','))
    this.own = `${this.#start}~${Date.now()}-${randomBytes(4).toString('hex')}`
  }

  /** The files of other runs: those of earlier versions, then the oldest first. */
  others(): string[] {
    const names = this.#directory.names().filter((name) => !name.endsWith('.new') && name !== this.own)
    const former = names.filter((name) => name === this.#former || name.startsWith(`${this.#former}~`))
    return [...new Set([...former.sort(), ...names.filter((name) => name.startsWith(`${this.#start}~`)).sort()])]
  }

  /** Whether the run of another file began before this one. */
  isEarlier(name: string): boolean {
    return !name.startsWith(`${this.#start}~`) || name < this.own
  }

  /**
   * Files that were not written to for `ms` in the middle of a rewrite: their runs have ended. If one is in fact still
   * writing, it tries again.
   */
  unfinished(ms: number): string[] {
    const isOurs = (name: string) => name.startsWith(`${this.#start}~`) || name.startsWith(`${this.#former}~`)
    const names = this.#directory.names().filter((name) => name.endsWith('.new') && isOurs(name))
    return names.filter((name) => (this.#directory.age(name) ?? 0) > ms)
  }
}

function startOf(places: string): string {
  if (places.length <= LONGEST_START) return `sessions-${places}`
  return `sessions-${createHash('sha256').update(places).digest('hex').slice(0, 16)}`
}

function nameOf(listener: ListeningPlace): string {
  if ('path' in listener) return encodeURIComponent(listener.path)
  return `${listener.address}-${listener.port}`.replaceAll(':', '.')
}
