import { MAX_SERVERS } from '../runtime/bounds.ts'
import { now } from '../runtime/clock.ts'
import type { Listener } from '../runtime/snapshot.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import { OccasionalNotice, OccasionalNotices } from './occasional-notice.ts'

/** After how long a server's unchanged wish is reported again, in ms, and how soon a changed one. */
const REPEAT_WISH = 10_000
const SHORTEST_WISH = 100

/** What a server has asked for. */
interface Wish {
  readonly what: 'drain' | 'ready'
  readonly reportedAt: number
}

/** Where a worker reports what happens. What may happen with every request is reported now and then, with how often it did. */
export class Notices {
  readonly report: (event: WorkerEvent) => void
  readonly #refusals = new OccasionalNotice()
  readonly #handshakes = new OccasionalNotice()
  readonly #unawaited = new OccasionalNotice()
  readonly #shortages = new OccasionalNotices()
  readonly #tlsFailures = new OccasionalNotices()
  readonly #ownCookies = new OccasionalNotices()
  readonly #schemes = new OccasionalNotice()
  readonly #storageFailures = new OccasionalNotices()
  readonly #headers = new OccasionalNotice()
  readonly #filterFailures = new OccasionalNotices()
  readonly #wishes = new Map<string, Wish>()

  constructor(report: (event: WorkerEvent) => void) {
    this.report = report
  }

  /** This process or machine ran short of something (shortage.ts). */
  shortage(code: string): void {
    const count = this.#shortages.due(code, now())
    if (count > 0) this.report({ type: 'shortage', code, count })
  }

  /** A connection was closed because its client could not be identified, or because there were too many. */
  connectionRefused(listener: Listener, address: string, cause: string): void {
    const count = this.#refusals.due(now())
    if (count > 0) this.report({ type: 'connection-refused', listener, address, cause, count })
  }

  /** A connection was closed because its TLS handshake failed. */
  handshakeFailed(listener: Listener, address: string, cause: string): void {
    const count = this.#handshakes.due(now())
    if (count > 0) this.report({ type: 'handshake-failed', listener, address, cause, count })
  }

  /** A client got no certificate on demand, since too many wait for theirs. */
  certificateNotAwaited(host: string): void {
    const count = this.#unawaited.due(now())
    if (count > 0) this.report({ type: 'certificate-not-awaited', host, count })
  }

  /** No TLS connection to a server could be opened. */
  tlsFailed(upstream: string, server: string, cause: string): void {
    const count = this.#tlsFailures.due(upstream, now())
    if (count > 0) this.report({ type: 'tls-failed', upstream, server, cause, count })
  }

  /** A server has set a cookie whose name is Limpet's own. */
  ownCookieSet(upstream: string, server: string, cookie: string): void {
    if (this.#ownCookies.due(cookie, now()) > 0) this.report({ type: 'own-cookie-set', upstream, server, cookie })
  }

  /**
   * A server asks to be drained, or for new sessions again. The same is repeated now and then, since another worker may
   * have heard otherwise meanwhile.
   */
  serverAsks(upstream: string, server: string, what: Wish['what']): void {
    const key = `${upstream} ${server}`
    const time = now()
    const last = this.#wishes.get(key)
    if (last !== undefined && time - last.reportedAt < (last.what === what ? REPEAT_WISH : SHORTEST_WISH)) return
    this.#wishes.delete(key)
    // Servers come and go: the one that was heard least recently is forgotten.
    if (this.#wishes.size === MAX_SERVERS) this.#wishes.delete(this.#wishes.keys().next().value!)
    this.#wishes.set(key, { what, reportedAt: time })
    this.report({ type: 'server-asks', upstream, server, what })
  }

  /** A server has sent a header for Limpet whose value means nothing. */
  headerUnknown(upstream: string, server: string, header: string): void {
    const count = this.#headers.due(now())
    if (count > 0) this.report({ type: 'header-unknown', upstream, server, header, count })
  }

  /** The disk could not keep a body. */
  storageFailed({ code, message }: NodeJS.ErrnoException): void {
    const count = this.#storageFailures.due(code ?? '', now())
    if (count > 0) this.report({ type: 'storage-failed', cause: message, count })
  }

  /** A filter of a route has thrown. */
  filterFailed(filter: string, error: unknown): void {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const count = this.#filterFailures.due(filter, now())
    // Where it happened is in the first line of the stack.
    if (count > 0) this.report({ type: 'filter-failed', filter, cause: oneLine(cause), count })
  }

  /** A peer that is not trusted said that its client came by HTTPS. */
  schemeIgnored(address: string): void {
    const count = this.#schemes.due(now())
    if (count > 0) this.report({ type: 'scheme-ignored', address, count })
  }
}

function oneLine(stack: string): string {
  const [message = '', place = ''] = stack.split('\n')
  return `${message} ${place.trim()}`.trimEnd()
}
