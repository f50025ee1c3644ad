import { randomInt } from 'node:crypto'
import { askByTcp, askByUdp } from './ask.ts'
import { DnsFailure } from './dns-failure.ts'
import { type DnsRecord, decodeAnswer, encodeQuestion, isSameName, type Message, type RecordType } from './message.ts'
import { formatResolver, type ResolverAddress, type ResolverSettings } from './resolver-settings.ts'

/** The records of a name. */
export interface Records {
  /** Those of the type that was asked for; at least one. */
  readonly records: readonly DnsRecord[]
  /** What the server added of its own. */
  readonly additionals: readonly DnsRecord[]
  /** How long they hold, in s: the least of all records that led to them. */
  readonly ttl: number
  /** The server that said so. */
  readonly from: ResolverAddress
}

/** How many aliases (CNAME) may lead from a name to its records. */
const MOST_ALIASES = 16
/** What a server says that does not understand EDNS0. */
const OUTDATED: ReadonlySet<string> = new Set(['FORMERR', 'NOTIMP'])

/** Asks DNS servers for records, one server after the other until one knows. */
export class Resolver {
  readonly settings: ResolverSettings

  constructor(settings: ResolverSettings) {
    this.settings = settings
  }

  /**
   * The records of exactly that name, or of what it is an alias of.
   *
   * @throws DnsFailure, and the signal's reason once that is aborted
   */
  async records(name: string, type: RecordType, signal: AbortSignal): Promise<Records> {
    const names = [name]
    let ttl = Number.POSITIVE_INFINITY
    for (;;) {
      const asked = names.at(-1)!
      const { message, from } = await this.#ask(asked, type, signal)
      const { answers, additionals } = message
      for (let alias = aliasIn(answers, names.at(-1)!); alias !== undefined; ) {
        ttl = Math.min(ttl, alias.ttl)
        if (names.length > MOST_ALIASES || names.some((each) => isSameName(each, alias!.target)))
          throw new DnsFailure('refused', `aliases (CNAME) without an end from ${formatResolver(from)}`)
        names.push(alias.target)
        alias = aliasIn(answers, alias.target)
      }
      const end = names.at(-1)!
      const records = answers.filter((record) => record.type === type && isSameName(record.name, end))
      if (records.length > 0) return { records, additionals, ttl: Math.min(ttl, ...records.map(ttlOf)), from }
      if (message.rcode === 'NXDOMAIN') throw new DnsFailure('NXDOMAIN', `NXDOMAIN from ${formatResolver(from)}`)
      if (end === asked) throw new DnsFailure('NODATA', `no ${type} record from ${formatResolver(from)}`)
    }
  }

  /** Asks until a server says that the name exists, or that it does not. */
  async #ask(
    name: string,
    type: RecordType,
    signal: AbortSignal,
  ): Promise<{ message: Message; from: ResolverAddress }> {
    const { servers, tries } = this.settings
    const failures = new Map<ResolverAddress, string>()
    let hasAnswered = false
    for (let round = 0; round < tries; round++) {
      for (const from of servers) {
        try {
          const message = await this.#askOne(from, name, type, signal)
          if (message.rcode === 'NOERROR' || message.rcode === 'NXDOMAIN') return { message, from }
          hasAnswered = true
          failures.set(from, `${message.rcode} from ${formatResolver(from)}`)
        } catch (error) {
          signal.throwIfAborted()
          failures.set(from, `${this.#inWords(error as Error)} from ${formatResolver(from)}`)
        }
      }
    }
    throw new DnsFailure(hasAnswered ? 'refused' : 'silent', [...failures.values()].join(', '))
  }

  async #askOne(from: ResolverAddress, name: string, type: RecordType, signal: AbortSignal): Promise<Message> {
    const message = await this.#askInForm(from, name, type, signal, true)
    return OUTDATED.has(message.rcode) ? this.#askInForm(from, name, type, signal, false) : message
  }

  async #askInForm(
    from: ResolverAddress,
    name: string,
    type: RecordType,
    signal: AbortSignal,
    isExtended: boolean,
  ): Promise<Message> {
    const asked = { id: randomInt(0x10000), name, type }
    const bytes = encodeQuestion(asked, isExtended)
    const question = () => ({
      bytes,
      read: (answer: Buffer) => decodeAnswer(answer, asked),
      signal: AbortSignal.any([signal, AbortSignal.timeout(this.settings.timeout)]),
    })
    const message = await askByUdp(from, question())
    return message.isTruncated ? askByTcp(from, question()) : message
  }

  #inWords({ name, message, code }: NodeJS.ErrnoException): string {
    if (name === 'TimeoutError') return `no answer within ${this.settings.timeout / 1000}s`
    return code === undefined ? message : `no answer (${code})`
  }
}

function aliasIn(answers: readonly DnsRecord[], name: string): { target: string; ttl: number } | undefined {
  for (const record of answers)
    if (record.type === 'CNAME' && isSameName(record.name, name)) return { target: record.data, ttl: ttlOf(record) }
  return undefined
}

function ttlOf(record: DnsRecord): number {
  return 'ttl' in record ? (record.ttl ?? 0) : 0
}
