import { formatPath } from '../../config/key-path.ts'
import type { Issue } from '../../config/validate.ts'
import { MAX_SERVERS } from '../../runtime/bounds.ts'
import type { FoundServer, Mistake, ServerList } from '../provider.ts'
import { foundServer } from '../server-list.ts'
import { serverName } from '../server-name.ts'

/** A key, and its value unless it has been deleted. */
export interface EtcdEvent {
  readonly key: string
  readonly value: string | undefined
}

/** Keys at one revision, or what happened up to it. */
export interface EtcdState {
  readonly revision: bigint
  readonly events: readonly EtcdEvent[]
}

/** What is known of the keys below a prefix, and the servers that they are. */
export class EtcdKeys {
  /** That of the last change. */
  revision = 0n
  /** What was said of changes, and not understood, if nothing has been since. */
  unreadable: Mistake | undefined
  readonly #prefix: string
  #found = new Map<string, FoundServer | Mistake>()

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** These are all keys that there are. */
  replace(state: EtcdState): void {
    this.#found = new Map()
    this.#take(state)
  }

  /** These have changed. */
  apply(state: EtcdState): void {
    this.unreadable = undefined
    this.#take(state)
  }

  #take({ revision, events }: EtcdState): void {
    for (const { key, value } of events) {
      if (value === undefined) this.#found.delete(key)
      else this.#found.set(key, this.#read(key, value))
    }
    if (this.#found.size > MAX_SERVERS)
      throw new Error(`more than ${MAX_SERVERS} keys begin with ${this.#prefix}: is the prefix too short?`)
    this.revision = revision
  }

  /** The servers in the order of their keys. Where two have the same name or id, the first keeps it. */
  list(): ServerList {
    const servers: FoundServer[] = []
    const mistakes: Mistake[] = this.unreadable === undefined ? [] : [this.unreadable]
    const taken = { name: new Set<string>(), id: new Set<string>() }
    for (const [key, found] of [...this.#found].sort(([one], [other]) => (one < other ? -1 : 1))) {
      if ('message' in found) {
        mistakes.push(found)
        continue
      }
      const repeated = (['name', 'id'] as const).find((each) => taken[each].has(found[each]))
      if (repeated !== undefined) {
        const message = `expected each ${repeated} once, found ${found[repeated]} again`
        mistakes.push({ where: `key ${key}`, message, hint: `give it another ${repeated}` })
        continue
      }
      taken.name.add(found.name)
      taken.id.add(found.id)
      servers.push(found)
    }
    return { servers, mistakes }
  }

  #read(key: string, value: string): FoundServer | Mistake {
    const name = key.slice(this.#prefix.length)
    if (name === '')
      return { where: `key ${key}`, message: 'expected the name of a server after the prefix, found nothing' }
    const text = value.trim()
    let entry: unknown = text
    if (text.startsWith('{'))
      try {
        entry = JSON.parse(text)
      } catch (error) {
        return { where: `key ${key}`, message: `expected host:port or JSON: ${(error as Error).message}` }
      }
    const found = foundServer(entry, serverName(name))
    if ('address' in found) return found
    const [{ path, message, hint }] = found as readonly [Issue]
    return { where: `key ${key}`, message: path.length === 0 ? message : `${formatPath(path)}: ${message}`, hint }
  }
}
