import type { Warn } from '../../observability/log.ts'
import { MAX_SERVERS } from '../../runtime/bounds.ts'
import type { WorkerEvent } from '../../runtime/worker-event.ts'

type ServerAsks = Extract<WorkerEvent, { type: 'server-asks' }>

/** What carries out the wishes. */
interface Operator {
  drain(upstream: string, server: string, drain: object, options: object, by: { name: string }): Promise<unknown>
  undrain(upstream: string, server: string, options: object, by: { name: string }): Promise<unknown>
  /** Who has made the last change of a server; undefined if it is as the file says. */
  changedBy(upstream: string, server: string): string | undefined
}

/** What servers ask for, as last heard: several workers report the same wish, and each repeats it now and then. */
export class ServerWishes {
  /** By upstream and server; a server that has never asked is ready. */
  readonly #wishes = new Map<string, ServerAsks['what']>()
  #grant: (event: ServerAsks) => Promise<void> = async () => {}

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

  /** Does what a server asks for, from now on: each wish as an operator's change in the server's own name. */
  grantBy(loaded: () => Promise<Operator>, warn: Warn): void {
    this.#grant = async ({ upstream, server, what }) => {
      const author = { name: `server ${server} itself` }
      try {
        const operator = await loaded()
        if (what === 'drain') await operator.drain(upstream, server, {}, {}, author)
        // What an operator has ordered, only an operator ends.
        else if (operator.changedBy(upstream, server) === author.name)
          await operator.undrain(upstream, server, {}, author)
      } catch (error) {
        const { message: cause } = error as Error
        warn(`upstream ${upstream}: server ${server} asks for ${what}, which is refused: ${cause}`, {
          event: 'server-wish-refused',
          upstream,
          server,
          wish: what,
          cause,
        })
      }
    }
  }

  /** Returns whether the server asks for something else than before. */
  hear(event: ServerAsks): boolean {
    if (!this.isNews(event)) return false
    void this.#grant(event)
    return true
  }
}
