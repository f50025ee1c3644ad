import type { Log } from '../observability/log.ts'
import { OccasionalNotices } from '../observability/occasional-notice.ts'
import { now } from '../runtime/clock.ts'
import { describeShortage } from '../runtime/shortage.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import { placeOf } from './place.ts'

/** Writes workers' events to the program's log, except for those about servers' health, which health/ writes. */
export class EventLog {
  readonly #log: Log
  readonly #shortages = new OccasionalNotices()
  /** Names of cookies that have been reported: each is reported once. */
  readonly #contested = new Set<string>()

  constructor(log: Log) {
    this.#log = log
  }

  hear(event: WorkerEvent): void {
    switch (event.type) {
      case 'connection-refused': {
        const { listener, address, cause, count } = event
        const which = count === 1 ? `a connection from ${address} was` : `${count} connections were`
        const last = count === 1 ? '' : `, the last one from ${address}`
        const place = placeOf(listener)
        return this.#log.warn(`listener ${place}: ${which} closed${last}: ${cause}`, {
          event: 'connection-refused',
          listener: place,
          address,
          count,
          cause,
        })
      }
      case 'handshake-failed': {
        const { listener, address, cause, count } = event
        const which = count === 1 ? `the TLS handshake of ${address}` : `${count} TLS handshakes`
        const last = count === 1 ? '' : `, the last one of ${address}`
        // Any scanner of the internet causes it.
        const place = placeOf(listener)
        return this.#log.info(`listener ${place}: ${which} failed${last}: ${cause}`, {
          event: 'handshake-failed',
          listener: place,
          address,
          count,
          cause,
        })
      }
      case 'certificate-not-awaited': {
        const { host, count } = event
        const which = count === 1 ? `a client got no certificate for ${host}` : `${count} clients got no certificate`
        const last = count === 1 ? '' : `, the last one for ${host}`
        return this.#log.warn(`acme: ${which} on demand${last}: too many wait for theirs already`, {
          event: 'certificate-not-awaited',
          host,
          count,
        })
      }
      case 'shortage':
        return this.shortage(event.code)
      case 'tls-failed': {
        const { upstream, server, cause, count } = event
        const times = count === 1 ? '' : `, ${count} times in this upstream since the last warning`
        return this.#log.warn(`upstream ${upstream}: server ${server}: no connection by TLS${times}: ${cause}`, {
          event: 'server-tls-failed',
          upstream,
          server,
          count,
          cause,
        })
      }
      case 'own-cookie-set':
        return this.#ownCookieSet(event.upstream, event.server, event.cookie)
      case 'server-asks': {
        const { upstream, server, what } = event
        const wish = what === 'drain' ? 'to be drained' : 'for new sessions again'
        return this.#log.info(`upstream ${upstream}: server ${server} asks ${wish}`, {
          event: 'server-asks',
          upstream,
          server,
          wish: what,
        })
      }
      case 'header-unknown': {
        const { upstream, server, header, count } = event
        const times = count === 1 ? '' : `, ${count} times since the last warning`
        return this.#log.warn(
          `upstream ${upstream}: server ${server} sends ${JSON.stringify(header)}, which means nothing${times}; ` +
            'write Limpet-Session: end, or Limpet-Server: drain or ready',
          { event: 'header-unknown', upstream, server, header, count },
        )
      }
      case 'scheme-ignored': {
        const { address, count } = event
        const which = count === 1 ? `from ${address}` : `in ${count} requests, the last one from ${address},`
        return this.#log.warn(
          `X-Forwarded-Proto: https ${which} is ignored, since ${address} is not a trusted proxy; ` +
            `if it is one of yours, write trustedProxies: ${JSON.stringify([address])}`,
          { event: 'scheme-ignored', address, count },
        )
      }
      case 'filter-failed': {
        const { filter, cause, count } = event
        const times = count === 1 ? 'has failed' : `has failed ${count} times`
        return this.#log.error(`The filter ${filter} ${times}, which is a bug: ${cause}`, {
          event: 'filter-failed',
          filter,
          cause,
          count,
        })
      }
      case 'storage-failed': {
        const { cause, count } = event
        const which = count === 1 ? 'A body' : `${count} bodies`
        return this.#log.error(`${which} could not be kept on disk: ${cause}; the folder is that of TMPDIR, or /tmp`, {
          event: 'storage-failed',
          cause,
          count,
        })
      }
    }
  }

  /** A worker or a health check ran short of something that belongs to this process, such as file descriptors. */
  shortage(code: string): void {
    if (this.#shortages.due(code, now()) === 0) return
    this.#log.warn(`${describeShortage(code)}. No server is blamed.`, { event: 'shortage', code })
  }

  #ownCookieSet(upstream: string, server: string, cookie: string): void {
    if (this.#contested.has(cookie)) return
    this.#contested.add(cookie)
    this.#log.warn(
      `upstream ${upstream}: server ${server} sets the cookie ${cookie}, whose name is this Limpet's own: it is passed on, but ` +
        'the server never gets it back; if there is another Limpet, give one of the two another instance (--instance)',
      { event: 'own-cookie-set', upstream, server, cookie },
    )
  }
}
