import { readCertificates } from '../../certificates/certificate-chain.ts'
import { readPair } from '../../certificates/certificate-pair.ts'
import { readTicketKey } from '../../certificates/ticket-key.ts'
import { UnusableFile } from '../../certificates/unusable-file.ts'
import { ConfigError, type Problem } from '../../config/error.ts'
import { formatPath, type KeyPath } from '../../config/key-path.ts'
import type { Config } from '../../config/schema.ts'
import { tlsFilesOf } from '../../config/tls-files.ts'
import type { CertificateSource } from './certificate-source.ts'
import { FileBook } from './file-book.ts'
import { type TicketKey, TicketKeys } from './ticket-keys.ts'
import type { TlsMaterial } from './tls-material.ts'

/**
 * Where the Snapshot's certificates and keys come from: files, other sources, and memory. A file is read when a configuration
 * names it first, and again by `refresh`; what it held last that was usable stays.
 */
export class TlsStore {
  readonly tickets: TicketKeys
  readonly #files = new FileBook()
  readonly #sources: CertificateSource[] = []
  readonly #warn: (message: string) => void

  /** @param ticketKey of the process that this one replaces */
  constructor(warn: (message: string) => void, ticketKey?: TicketKey) {
    this.#warn = warn
    this.tickets = new TicketKeys(ticketKey)
  }

  add(source: CertificateSource): void {
    this.#sources.push(source)
  }

  /**
   * What a configuration needs. What has not changed since the last call is the same object.
   *
   * @throws ConfigError if a file that was not usable before cannot be used
   */
  materialFor(config: Config): TlsMaterial {
    const files = tlsFilesOf(config)
    const problems: Problem[] = []
    const pairs = files.pairs.flatMap(({ place, of, cert, key }) => {
      const placeOf = (path: string) => [...place, path === cert ? 'cert' : 'key']
      const pair = usable(problems, placeOf, () =>
        this.#files.read('pair', [cert, key], (one, other) => readPair(cert, one!, other!)),
      )
      return pair === undefined ? [] : [{ of, pair }]
    })
    const authorities = files.authorities.map(({ place, file }) => {
      const read = () => this.#files.read('authorities', [file], (content) => readCertificates(content!).text)
      return [file, usable(problems, () => place, read) ?? ''] as const
    })
    const ticketKeys = files.ticketKeys.map(({ place, file }) => {
      const read = () => this.#files.read('ticket key', [file], (content) => readTicketKey(content!))
      return usable(problems, () => place, read)
    })
    if (problems.length > 0) throw new ConfigError(problems)
    const ofListeners = pairs.flatMap(({ of, pair }) => (of === 'listener' ? pair : []))
    const ofUpstreams = pairs.flatMap(({ of, pair }) => (of === 'upstream' ? [[pair.name, pair] as const] : []))
    const obtained = this.#sources.flatMap(({ certificates }) => certificates)
    return {
      certificates: [...new Set([...ofListeners, ...obtained])],
      clientCertificates: new Map(ofUpstreams),
      authorities: new Map(authorities),
      ...(config.listeners.some(({ tls }) => tls !== undefined) && {
        ticketKey: ticketKeys[0] ?? this.tickets.current,
      }),
    }
  }

  /** Reads again what has changed. What is unusable by now stays as it was, and a warning says so. */
  refresh(): void {
    this.#files.refresh(({ path, message, hint }) => {
      const how = hint === undefined ? '' : ` (${hint})`
      this.#warn(`${path}: ${message}${how}; what it held before stays in effect`)
    })
  }

  /** Forgets the files that the last configuration does not name. */
  forget(): void {
    this.#files.forget()
  }
}

function usable<Value>(problems: Problem[], placeOf: (path: string) => KeyPath, read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error
    const { path, message, hint } = error
    problems.push({ where: '', path: formatPath(placeOf(path)), message: `${path}: ${message}`, hint })
    return undefined
  }
}
