import { readCertificates } from '../../certificates/certificate-chain.ts'
import { type CertificateFacts, factsOf } from '../../certificates/certificate-facts.ts'
import { type CertificatePair, readPair } from '../../certificates/certificate-pair.ts'
import { type FileContent, isThere, readFile } from '../../certificates/file-content.ts'
import { readTicketKey } from '../../certificates/ticket-key.ts'
import { UnusableFile } from '../../certificates/unusable-file.ts'
import { ConfigError, type Problem } from '../../config/error.ts'
import { keySetUrlsOf } from '../../config/filters/credentials.ts'
import { type FilterFiles, filterFilesOf } from '../../config/filters/filter-files.ts'
import { readPageFile } from '../../config/filters/page-file.ts'
import { formatPath, type KeyPath } from '../../config/key-path.ts'
import type { Config } from '../../config/schema.ts'
import { type PairFiles, tlsFilesOf } from '../../config/tls-files.ts'
import { readKeySet, readTokenSecret } from '../../credentials/key-set.ts'
import { readPasswordFile } from '../../credentials/password-file.ts'
import type { Warn } from '../../observability/log.ts'
import type { KeySet } from '../../runtime/credentials.ts'
import type { Certificate } from '../../runtime/tls-settings.ts'
import type { CertificateNote, CertificateSource } from './certificate-source.ts'
import { FileBook } from './file-book.ts'
import { type TicketKey, TicketKeys } from './ticket-keys.ts'
import { type CertificateOrigin, type FilterMaterial, NO_MATERIAL, type TlsMaterial } from './tls-material.ts'

/**
 * Where the Snapshot's certificates and keys come from: files, other sources, and memory. A file is read when a configuration
 * names it first, and again by `refresh`; what it held last that was usable stays.
 */
export class TlsStore {
  readonly tickets: TicketKeys
  /** The key sets that were fetched, by their URLs. */
  keySets: ReadonlyMap<string, KeySet> | undefined
  readonly #files = new FileBook()
  readonly #sources: CertificateSource[] = []
  #material = NO_MATERIAL
  /** Whether files were read that are not in effect yet. */
  #isPending = false
  readonly #warn: Warn

  /** @param ticketKey of the process that this one replaces */
  constructor(warn: Warn, ticketKey?: TicketKey) {
    this.#warn = warn
    this.tickets = new TicketKeys(ticketKey)
  }

  /** What is in effect. */
  get material(): TlsMaterial {
    return this.#material
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
        this.#files.read('pair', [cert, key], () => readPair(cert, readFile(cert), readFile(key))),
      )
      return pair === undefined ? [] : [{ of, pair }]
    })
    const authorities = files.authorities.map(({ place, file }) => {
      const read = () => this.#files.read('authorities', [file], () => readCertificates(readFile(file)).text)
      return [file, usable(problems, () => place, read) ?? ''] as const
    })
    const [ticketKey] = files.ticketKeys.flatMap(({ place, file }) => {
      const read = () =>
        this.#files.read('ticket key', [file], () => {
          const content = readFile(file)
          return { file, key: readTicketKey(content), isPublic: content.isPublic }
        })
      return usable(problems, () => place, read) ?? []
    })
    const ofFilters = this.#ofFilters(config, problems)
    if (problems.length > 0) throw new ConfigError(problems)
    // Several listeners may show the same one.
    const pairsOf = (user: PairFiles['of']) => new Set(pairs.flatMap(({ of, pair }) => (of === user ? pair : [])))
    const origins = [
      ...[...pairsOf('listener')].map((pair) => originOfFiles(pair, 'clients')),
      ...this.#sources.flatMap(originsOf),
      ...[...pairsOf('upstream')].map((pair) => originOfFiles(pair, 'servers')),
    ]
    const ofListeners = origins.filter(({ shownTo }) => shownTo === 'clients').map(({ certificate }) => certificate)
    const ofUpstreams = origins.filter(({ shownTo }) => shownTo === 'servers').map(({ certificate }) => certificate)
    return {
      certificates: ofListeners,
      origins,
      clientCertificates: new Map(ofUpstreams.map((certificate) => [certificate.name, certificate])),
      authorities: new Map(authorities),
      ...ofFilters,
      ...(config.listeners.some(({ tls }) => tls !== undefined) && {
        ticketKey: ticketKey?.key ?? this.tickets.current,
      }),
      ...(ticketKey?.isPublic === true && { publicTicketKey: ticketKey.file }),
    }
  }

  #ofFilters(config: Config, problems: Problem[]): FilterMaterial {
    const { passwords, keySets, tokenSecrets, pages, switches } = filterFilesOf(config)
    const each = <Value>(purpose: string, files: FilterFiles['pages'], read: (file: string) => Value): Value[] =>
      files.flatMap(({ place, file }) => {
        const value = usable(
          problems,
          () => place,
          () => this.#files.read(purpose, [file], () => read(file)),
        )
        return value === undefined ? [] : [value]
      })
    // Several filters may name the same one.
    const parsed = <Value>(purpose: string, files: FilterFiles['pages'], parse: (content: FileContent) => Value) => [
      ...new Set(each(purpose, files, (file) => parse(readFile(file)))),
    ]
    return {
      passwordFiles: parsed('passwords', passwords, readPasswordFile),
      keySets: [
        ...parsed('key set', keySets, readKeySet),
        ...parsed('token secret', tokenSecrets, readTokenSecret),
        ...[...keySetUrlsOf(config)].flatMap((url) => this.keySets?.get(url) ?? []),
      ],
      pages: parsed('page', pages, readPageFile),
      switches: new Map(each('switch', switches, (file) => [file, isThere(file)] as const)),
    }
  }

  /** What the source of a certificate knows of it beside what is in it. */
  noteOf(source: string, certificate: string): CertificateNote | undefined {
    return this.#sources.find(({ name }) => name === source)?.note(certificate)
  }

  /** Reads again what has changed. What is unusable by now stays as it was, and a warning says so. */
  refresh(): void {
    const hasChanged = this.#files.refresh(({ path, message, hint }) => {
      const how = hint === undefined ? '' : ` (${hint})`
      this.#warn(`${path}: ${message}${how}; what it held before stays in effect`, {
        event: 'certificate-file-unusable',
        file: path,
        cause: message,
      })
    })
    this.#isPending ||= hasChanged
  }

  /** The files that are read. */
  get paths(): string[] {
    return this.#files.paths
  }

  /** Whether a file may hold something else than what is in effect. */
  get isOutdated(): boolean {
    return this.#isPending || this.#files.isOutdated
  }

  /** The material is in effect now; files that it was not made from are forgotten. */
  adopt(material: TlsMaterial): void {
    this.#material = material
    this.#isPending = false
    this.#files.forget()
  }
}

function originOfFiles(pair: CertificatePair, shownTo: CertificateOrigin['shownTo']): CertificateOrigin {
  return { ...pair, source: 'file', shownTo }
}

function originsOf({ name, certificates }: CertificateSource): CertificateOrigin[] {
  return certificates.map((certificate) => {
    return { certificate, facts: factsOfChain(certificate), source: name, isKeyPublic: false, shownTo: 'clients' }
  })
}

/** Kept for as long as the certificate is. */
const facts = new WeakMap<Certificate, CertificateFacts>()

function factsOfChain(certificate: Certificate): CertificateFacts {
  const { name: path, chain } = certificate
  const known = facts.get(certificate) ?? factsOf(readCertificates({ path, bytes: Buffer.from(chain) }).certificates)
  facts.set(certificate, known)
  return known
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
