import { MAX_SERVERS } from '../runtime/bounds.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'

type ServerAsks = Extract<WorkerEvent, { type: 'server-asks' }>

/** What servers ask for, as last heard: several workers report the same wish, and each repeats it now and then. */
export class ServerWishes {
  /** By upstream and server; a server that has never asked is ready. */
  readonly #wishes = new Map<string, ServerAsks['what']>()

  /** Whether the server asks for something else than before. */
  isNews({ upstream, server, what }: ServerAsks): boolean {
    const key = `${upstream} ${server}`
    if ((this.#wishes.get(key) ?? 'ready') === what) return false
    this.#wishes.delete(key)
    // Names come and go: the one that has changed its wish least recently is forgotten.
    if (this.#wishes.size === MAX_SERVERS) this.#wishes.delete(this.#wishes.keys().next().value!)
    this.#wishes.set(key, what)
    return true
  }
}
